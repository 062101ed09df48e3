package localnet

import "syscall"

// attributes puts a child into a process group of its own, so that Ctrl-C in a
// terminal reaches it through us only, and has the system kill it if we are
// gone. A node survives that: it loses no accepted block.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
