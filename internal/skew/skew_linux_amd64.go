package skew

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Supported is nil where [Set] works.
var Supported error

// clockFunction is what programs call, C's clock_gettime(id, *timespec).
const clockFunction = "__vdso_clock_gettime"

// replacement is that function anew, with the System V calling convention: the
// clock's id in edi, the address of the result in rsi. Two numbers of 8 bytes
// follow, seconds and nanoseconds from 0 to 999,999,999, which it adds to clock 0.
var replacement = []byte{
	0xf3, 0x0f, 0x1e, 0xfa, // endbr64
	0xb8, 0xe4, 0x00, 0x00, 0x00, // mov eax, 228 (clock_gettime)
	0x0f, 0x05, // syscall
	0x85, 0xff, // test edi, edi
	0x75, 0x30, // jne end
	0x85, 0xc0, // test eax, eax
	0x75, 0x2c, // jne end
	0x48, 0x8b, 0x0d, 0x26, 0x00, 0x00, 0x00, // mov rcx, [rip+seconds]
	0x48, 0x01, 0x0e, // add [rsi], rcx
	0x48, 0x8b, 0x4e, 0x08, // mov rcx, [rsi+8]
	0x48, 0x03, 0x0d, 0x20, 0x00, 0x00, 0x00, // add rcx, [rip+nanoseconds]
	0x48, 0x81, 0xf9, 0x00, 0xca, 0x9a, 0x3b, // cmp rcx, 1000000000
	0x7c, 0x0a, // jl store
	0x48, 0x81, 0xe9, 0x00, 0xca, 0x9a, 0x3b, // sub rcx, 1000000000
	0x48, 0xff, 0x06, // inc qword [rsi]
	0x48, 0x89, 0x4e, 0x08, // store: mov [rsi+8], rcx
	0xc3, // end: ret
}

// Bounds of what is read of a process, and of how long it may take to stop.
const (
	maxMaps  = 16 << 20
	maxVDSO  = 1 << 20
	tries    = 100
	stopTime = 5 * time.Second
	look     = time.Millisecond
)

// Set makes the wall clock of the process pid, all its threads included, run
// ahead of the system's, or behind it if ahead is negative. 0 makes it right
// again. The process is stopped for the moment that takes, and continued, even if
// it was stopped before.
func Set(pid int, ahead time.Duration) error {
	err := set(pid, ahead)
	if err != nil {
		err = fmt.Errorf("setting the clock of process %d %s ahead: %w", pid, ahead, err)
	}
	return err
}

func set(pid int, ahead time.Duration) error {
	from, to, err := findVDSO(pid)
	if err != nil {
		return err
	}
	mem, err := os.OpenFile(proc(pid, "mem"), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = mem.Close() }() // nothing is buffered
	image := make([]byte, to-from)
	if _, err := mem.ReadAt(image, int64(from)); err != nil {
		return fmt.Errorf("reading the vDSO: %w", err)
	}
	at, size, err := findFunction(image)
	if err != nil {
		return err
	}
	patch := bytes.Clone(replacement)
	seconds := ahead / time.Second
	if ahead%time.Second < 0 {
		seconds--
	}
	patch = binary.LittleEndian.AppendUint64(patch, uint64(seconds))
	patch = binary.LittleEndian.AppendUint64(patch, uint64(ahead-seconds*time.Second))
	if size < uint64(len(patch)) {
		return fmt.Errorf("%s has %d bytes, want at least %d for its replacement", clockFunction, size, len(patch))
	}
	return whileOutside(pid, from+at, from+at+size, func() error {
		_, err := mem.WriteAt(patch, int64(from+at))
		return err
	})
}

func proc(pid int, names ...string) string {
	return strings.Join(append([]string{"/proc", strconv.Itoa(pid)}, names...), "/")
}

// findVDSO returns the addresses between which the process has the vDSO.
func findVDSO(pid int) (from, to uint64, err error) {
	f, err := os.Open(proc(pid, "maps"))
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(io.LimitReader(f, maxMaps))
	for lines.Scan() {
		if !strings.HasSuffix(lines.Text(), "[vdso]") {
			continue
		}
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x ", &from, &to); err != nil {
			return 0, 0, fmt.Errorf("reading %q: %w", lines.Text(), err)
		}
		if to <= from || to-from > maxVDSO {
			return 0, 0, fmt.Errorf("the vDSO is from %x to %x, want at most %d bytes", from, to, maxVDSO)
		}
		return from, to, nil
	}
	if err := lines.Err(); err != nil {
		return 0, 0, err
	}
	return 0, 0, errors.New("the process has no vDSO, so it reads the time in another way")
}

// findFunction returns where in the image the clock's function is.
func findFunction(image []byte) (at, size uint64, err error) {
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return 0, 0, fmt.Errorf("reading the vDSO: %w", err)
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return 0, 0, fmt.Errorf("reading the vDSO: %w", err)
	}
	for _, s := range symbols {
		if s.Name == clockFunction && s.Value < uint64(len(image)) && s.Size <= uint64(len(image))-s.Value {
			return s.Value, s.Size, nil
		}
	}
	return 0, 0, fmt.Errorf("the vDSO has no %s", clockFunction)
}

// whileOutside stops the process at a moment when none of its threads is in the
// code between from and to, calls do, and lets the process go on.
func whileOutside(pid int, from, to uint64, do func() error) error {
	for range tries {
		outside, err := stop(pid, from, to)
		if err == nil && outside {
			err = do()
		}
		if err = errors.Join(err, syscall.Kill(pid, syscall.SIGCONT)); err != nil || outside {
			return err
		}
		time.Sleep(look)
	}
	return fmt.Errorf("a thread was reading the clock each of %d times that the process was stopped", tries)
}

// stop stops the process and reports whether all threads are outside.
func stop(pid int, from, to uint64) (bool, error) {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return false, err
	}
	for late := time.Now().Add(stopTime); time.Now().Before(late); time.Sleep(look) {
		stopped, outside, err := threads(pid, from, to)
		if err != nil || stopped {
			return outside, err
		}
	}
	return false, fmt.Errorf("its threads did not stop within %s", stopTime)
}

// threads reports whether all threads are stopped, and outside the code.
func threads(pid int, from, to uint64) (stopped, outside bool, err error) {
	entries, err := os.ReadDir(proc(pid, "task"))
	if err != nil {
		return false, false, err
	}
	outside = true
	for _, e := range entries {
		stat, err := os.ReadFile(proc(pid, "task", e.Name(), "stat"))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has ended
		}
		if err != nil {
			return false, false, err
		}
		// The state follows the name, which is in parentheses and may have some
		// (proc_pid_stat(5)).
		_, rest, found := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " ")
		if !found || rest == "" {
			return false, false, fmt.Errorf("reading the state of thread %s: %q", e.Name(), stat)
		}
		if rest[0] != 'T' {
			return false, false, nil
		}
		// The last word is the address at which it goes on (proc_pid_syscall(5)).
		text, err := os.ReadFile(proc(pid, "task", e.Name(), "syscall"))
		if err != nil {
			return false, false, err
		}
		words := strings.Fields(string(text))
		if len(words) < 3 {
			return false, false, nil // on its way to a stop
		}
		pc, err := strconv.ParseUint(words[len(words)-1], 0, 64)
		if err != nil {
			return false, false, fmt.Errorf("reading where thread %s is: %w", e.Name(), err)
		}
		outside = outside && (pc < from || pc >= to)
	}
	return true, outside, nil
}
