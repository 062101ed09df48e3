package localnet

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Bounds of what one node may take, whatever happens to it or its network. They
// are generous: a node that is well takes some 150 MiB of memory, and what it
// keeps on disk of an empty chain is its databases' files of fixed size.
const (
	maxMemory = 512 << 20
	maxDisk   = 64 << 20
	// maxDiskBlock is what each block may add to that, with a few transfers in it.
	maxDiskBlock = 64 << 10
)

// use is what a node takes, in bytes; peak is the most memory that it ever took.
type use struct{ memory, peak, disk int64 }

// String returns both in MiB.
func (u use) String() string {
	return fmt.Sprintf("%d/%.1f MiB", u.memory>>20, float64(u.disk)/(1<<20))
}

// use measures a node. Without /proc, its memory is 0.
func (p *peer) use() (use, error) {
	var u use
	if text, err := os.ReadFile("/proc/" + strconv.Itoa(p.info.PID) + "/status"); err == nil {
		for line := range strings.Lines(string(text)) {
			field := strings.Fields(line)
			switch {
			case len(field) < 2:
			case field[0] == "VmRSS:":
				u.memory, err = strconv.ParseInt(field[1], 10, 64)
			case field[0] == "VmHWM:":
				u.peak, err = strconv.ParseInt(field[1], 10, 64)
			}
			if err != nil {
				return u, fmt.Errorf("%q: %w", line, err)
			}
		}
		u.memory <<= 10 // from KiB
		u.peak <<= 10
	}
	err := filepath.WalkDir(p.info.DataDir, func(_ string, e fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // databases remove files
		}
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if os.IsNotExist(err) {
			return nil
		}
		if err == nil {
			u.disk += info.Size()
		}
		return err
	})
	return u, err
}

// bounded checks what all nodes take, those that are cut off or frozen included.
func (n *network) bounded() {
	n.t.Helper()
	var all []string
	for _, p := range n.nodes {
		u, err := p.use()
		if err != nil {
			n.t.Fatalf("measuring %s: %v", p.name, err)
		}
		blocks := int64(n.seen.checked)
		if u.memory > maxMemory {
			n.t.Errorf("%s takes %s of memory and disk, want at most %d MiB of memory", p.name, u, maxMemory>>20)
		}
		if most := maxDisk + blocks*maxDiskBlock; u.disk > most {
			n.t.Errorf("%s takes %s of memory and disk, want at most %d MiB of disk after %d blocks", p.name, u, most>>20, blocks)
		}
		all = append(all, u.String())
	}
	n.t.Logf("memory/disk of the nodes: %s", strings.Join(all, ", "))
}
