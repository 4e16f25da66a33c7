# Configuration of the Rampart daemon. Every setting has a default, which is shown where a line is commented out; see
# docs/configuration.md.

# Where the policies are: files and directories, relative to this file. Changes are picked up at once.
sources {
  files = ["policy"]
}

# The name of this host in the policies ("node" of host and workload endpoints); by default the host name.
# node = "this-host"

# These ports of this host, and of others, stay reachable whatever the policies say, so that nobody locks himself out.
# failsafe {
#   inbound  = ["tcp:22", "udp:68", "tcp:179", "tcp:2379", "tcp:2380", "tcp:5473", "tcp:6443", "tcp:6666", "tcp:6667"]
#   outbound = ["udp:53", "udp:67", "tcp:179", "tcp:2379", "tcp:2380", "tcp:5473", "tcp:6443", "tcp:6666", "tcp:6667"]
# }

# What a daemon that is stopped leaves behind: the policy in force ("keep"), or none ("clear").
# on_exit = "keep"
