package localnet

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// openTUN makes a TUN interface, which carries IP packets without a header in
// front. It vanishes when it is closed.
func openTUN(name string) (io.ReadWriteCloser, error) {
	const device = "/dev/net/tun"
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", device, err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("making the interface %s: %w", name, err)
	}
	// Non-blocking, so that closing it ends a read.
	return os.NewFile(uintptr(fd), device), nil
}
