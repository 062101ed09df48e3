//go:build !linux

package localnet

import "syscall"

// attributes puts a child into a process group of its own, so that Ctrl-C in a
// terminal reaches it through us only. Only Linux can end it if we are killed.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
