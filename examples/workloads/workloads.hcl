# Workloads of one node behind two tiers. The tier "security" is asked first and belongs to whoever guards the house;
# what it does not decide it passes on to the tier "default", where each team writes the policies of its namespace.
#
#     rampart run --node node1 -f examples/workloads
tier "security" {
  order          = 100
  default_action = "Pass"
}

# Nobody reaches the metadata service, whatever the teams allow.
global_network_policy "security.no-metadata-service" {
  tier               = "security"
  order              = 10
  namespace_selector = "all()" # workloads only: host endpoints have no namespace
  types              = ["Egress"]

  egress {
    action = "Deny"
    destination {
      nets = ["169.254.169.254/32"]
    }
  }
  egress {
    action = "Pass"
  }
}

# Would it hurt to forbid SSH between workloads? A staged policy is reported and never enforced.
staged_global_network_policy "security.no-ssh" {
  tier               = "security"
  order              = 20
  namespace_selector = "all()"
  types              = ["Ingress"]

  ingress {
    action   = "Deny"
    protocol = "TCP"
    destination {
      ports = [22]
    }
  }
  ingress {
    action = "Pass"
  }
}

namespace "shop" {
  labels = {
    team = "shop"
  }
}

service_account "checkout" {
  namespace = "shop"
}

# The database answers the checkout service only, on the port each instance calls "sql".
network_policy "database" {
  namespace = "shop"
  selector  = "app == 'database'"
  types     = ["Ingress", "Egress"]

  ingress {
    action   = "Allow"
    protocol = "TCP"
    source {
      service_accounts {
        names = ["checkout"]
      }
    }
    destination {
      ports = ["sql"]
    }
  }
}

network_policy "checkout" {
  namespace = "shop"
  selector  = "app == 'checkout'"
  types     = ["Ingress", "Egress"]

  ingress {
    action   = "Allow"
    protocol = "TCP"
    destination {
      ports = [8080]
    }
  }

  egress {
    action   = "Allow"
    protocol = "TCP"
    destination {
      selector = "app == 'database'"
      ports    = ["sql"]
    }
  }
  egress {
    action   = "Allow"
    protocol = "UDP"
    destination {
      ports = [53]
    }
  }
}

workload_endpoint "node1-k8s-database-eth0" {
  namespace = "shop"
  labels = {
    app = "database"
  }
  node           = "node1"
  orchestrator   = "k8s"
  pod            = "database"
  endpoint       = "eth0"
  interface_name = "calidatabase"
  ip_networks    = ["10.65.1.2/32", "fd65:1::2/128"]

  ports {
    name     = "sql"
    protocol = "TCP"
    port     = 5432
  }
}

workload_endpoint "node1-k8s-checkout-eth0" {
  namespace = "shop"
  labels = {
    app = "checkout"
  }
  node                 = "node1"
  orchestrator         = "k8s"
  pod                  = "checkout"
  endpoint             = "eth0"
  service_account_name = "checkout"
  interface_name       = "calicheckout"
  ip_networks          = ["10.65.1.3/32", "fd65:1::3/128"]
}
