//go:build !linux

package localnet

import (
	"errors"
	"io"
)

// openTUN fails: network namespaces are Linux's.
func openTUN(string) (io.ReadWriteCloser, error) {
	return nil, errors.New("only Linux has network namespaces")
}
