// Command rampart is a host firewall: the daemon and its command line in one binary.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), &env{args: os.Args[1:], stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}))
}
