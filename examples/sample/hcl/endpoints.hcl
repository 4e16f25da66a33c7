# The workloads of the demo. Their profile allows whatever no policy speaks of.

workload_endpoint "demo-k8s-database-eth0" {
  namespace = "production"
  labels = {
    role = "database"
  }
  node           = "demo"
  orchestrator   = "k8s"
  pod            = "database"
  endpoint       = "eth0"
  interface_name = "calidatabase"
  ip_networks    = ["10.65.0.2/32", "fd65::2/128"]
  profiles       = ["projectcalico-default-allow"]
}

workload_endpoint "demo-k8s-frontend-eth0" {
  namespace = "production"
  labels = {
    role = "frontend"
  }
  node           = "demo"
  orchestrator   = "k8s"
  pod            = "frontend"
  endpoint       = "eth0"
  interface_name = "califrontend"
  ip_networks    = ["10.65.0.3/32", "fd65::3/128"]
  profiles       = ["projectcalico-default-allow"]
}

workload_endpoint "demo-k8s-batch-eth0" {
  namespace = "production"
  labels = {
    role = "batch"
  }
  node           = "demo"
  orchestrator   = "k8s"
  pod            = "batch"
  endpoint       = "eth0"
  interface_name = "calibatch"
  ip_networks    = ["10.65.0.4/32", "fd65::4/128"]
  profiles       = ["projectcalico-default-allow"]
}
