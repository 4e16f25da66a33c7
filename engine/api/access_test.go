package api

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestPeerCredentials connects as other users: a child process runs this test binary, see TestMain.
func TestPeerCredentials(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become other users")
	}
	const nobody, other = 65534, 4321
	for _, tt := range []struct {
		name   string
		access Access
		as     syscall.Credential
		want   string
	}{
		{"root", Access{}, syscall.Credential{}, "answered: n1"},
		{"configured user", Access{UIDs: []uint32{nobody}}, syscall.Credential{Uid: nobody, Gid: nobody}, "answered: n1"},
		{"another user", Access{UIDs: []uint32{nobody}}, syscall.Credential{Uid: other, Gid: other}, "refused: user 4321 may not use this socket"},
		{"primary group", Access{GIDs: []uint32{other}}, syscall.Credential{Uid: nobody, Gid: other}, "answered: n1"},
		{"supplementary group", Access{GIDs: []uint32{other}}, syscall.Credential{Uid: nobody, Gid: nobody, Groups: []uint32{7, other}}, "answered: n1"},
		{"second group", Access{GIDs: []uint32{7, other}}, syscall.Credential{Uid: nobody, Gid: nobody, Groups: []uint32{other}}, "answered: n1"},
		{"no group of these", Access{GIDs: []uint32{7, other}}, syscall.Credential{Uid: nobody, Gid: nobody, Groups: []uint32{8}}, "refused: user 65534 may not use this socket"},
		{"closed by mode alone", Access{}, syscall.Credential{Uid: nobody, Gid: nobody}, "refused: no permission to connect to SOCKET: only root and the users and groups of the daemon's configuration may"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			socket := serve(t, &fakeDaemon{status: Status{Node: "n1"}}, tt.access)
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = []string{askEnv + "=" + socket}
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &tt.as}
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.ReplaceAll(tt.want, "SOCKET", socket); string(out) != want {
				t.Errorf("got %q, want %q", out, want)
			}
		})
	}
}

// TestModeIsNotEnough opens the socket file to everybody: the credentials still decide.
func TestModeIsNotEnough(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	socket := serve(t, &fakeDaemon{status: Status{Node: "n1"}}, Access{})
	if err := os.Chmod(socket, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{askEnv + "=" + socket}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.Output()
	if want := "refused: user 65534 may not use this socket"; string(out) != want || err != nil {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
}
