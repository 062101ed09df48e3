package node

import (
	"fmt"
	"syscall"
)

// minFiles is the least number of open files a node works with: databases keep
// several hundred tables open, and every peer and client is one more.
const minFiles = 1024

// fileLimit returns how many open files to ask for: want, or the system's hard
// limit if that is lower.
func fileLimit(want uint64) (uint64, error) {
	if want < minFiles {
		return 0, Usage(fmt.Errorf("--fd-limit is %d, want at least %d", want, minFiles))
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("reading the limit of open files: %w", err)
	}
	if limit.Max < minFiles {
		return 0, fmt.Errorf("%w: at most %d open files, parsd needs %d; raise it with `ulimit -n 32768`, or LimitNOFILE=32768 in its systemd unit",
			ErrLimits, limit.Max, minFiles)
	}
	return min(want, limit.Max), nil
}
