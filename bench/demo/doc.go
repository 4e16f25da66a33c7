// Command demo shows Rampart at work: it starts the real daemon on the specification's sample policy, in namespaces
// that it makes and removes, sends real packets and compares what happened with what the policy says. It does so twice,
// with the policy in HCL and in YAML. It needs root; `make demo` runs it.
package main
