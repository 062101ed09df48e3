package vault

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// extents returns how many bytes of a file have a place on the disk, and whether
// there are holes between them.
func extents(path string) (allocated int64, holes bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return 0, false, err
	}
	hole, err := f.Seek(0, unix.SEEK_HOLE)
	if err != nil {
		return 0, false, err
	}
	return info.Sys().(*syscall.Stat_t).Blocks * 512, hole != info.Size(), nil
}
