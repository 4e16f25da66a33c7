# The sample of the specification: frontend endpoints may reach port 6379 of database endpoints, with TCP.
network_policy "allow-tcp-6379" {
  namespace = "production"
  selector  = "role == 'database'"
  types     = ["Ingress", "Egress"]

  ingress {
    action   = "Allow"
    protocol = "TCP"
    source {
      selector = "role == 'frontend'"
    }
    destination {
      ports = [6379]
    }
  }

  egress {
    action = "Allow"
  }
}
