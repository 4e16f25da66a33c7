# A safe start for one host: it may reach everything, and from outside only SSH and ping get in.
#
#     rampart run --node this-host -f examples/host
#
# Whatever you write here, the failsafe ports stay open: SSH (22), DHCP, and a few more that the README lists. They let
# you back in after a mistake.

# Every interface of this host that has no endpoint of its own and is not a workload's.
host_endpoint "this-host" {
  labels = {
    role = "host"
  }
  node           = "this-host"
  interface_name = "*"
}

global_network_policy "host-baseline" {
  selector = "role == 'host'"
  types    = ["Ingress", "Egress"]

  ingress {
    action   = "Allow"
    protocol = "TCP"
    destination {
      ports = [22]
    }
  }

  # Ping: ICMP echo request.
  ingress {
    action   = "Allow"
    protocol = "ICMP"
    icmp {
      type = 8
    }
  }

  # IPv6 does not work without ICMPv6: neighbour discovery, router advertisements, packet too big.
  ingress {
    action   = "Allow"
    protocol = "ICMPv6"
  }

  # DHCPv6: what a server sends is an answer to multicast, which connection tracking does not know for one.
  ingress {
    action   = "Allow"
    protocol = "UDP"
    source {
      nets  = ["fe80::/10"]
      ports = [547]
    }
    destination {
      ports = [546]
    }
  }

  # Loopback and this host's own network need no rule: answers to what the host asked for always come back.
  egress {
    action = "Allow"
  }
}
