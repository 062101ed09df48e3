package messaging

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pars-network/pars/cli"
	"github.com/pars-network/pars/session/daemon/program"
	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds every wait of a script. Nothing is measured by it.
const patience = 60 * time.Second

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"sessiond": func() { os.Exit(program.Main(program.Stdio())) },
		"parsctl":  func() { os.Exit(cli.Main(cli.Stdio())) },
	})
}

// TestScriptsRunToTheirEnd refuses testscript's own commands stop and kill: the
// first ends a script as passed, and a command of ours with that name is never
// called.
func TestScriptsRunToTheirEnd(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scripts (%v)", len(files), err)
	}
	own := regexp.MustCompile(`(?m)^!? *(stop|kill)\b.*`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if line := own.Find(text); line != nil {
			t.Errorf("%s has %q; use end or crash", file, line)
		}
	}
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup:               setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"daemon": startDaemon, "end": endDaemon, "crash": crashDaemon, "exits": exits,
			"watchfor": watchFor, "watchposts": watchPosts, "watchnote": watchNote, "until": until, "setmatch": setMatch, "nowhere": nowhere, "relay": startRelay, "count": count, "setjson": setJSON, "tamper": tamper, "portof": portOf,
		},
	})
}

// world is what a script has started.
type world struct {
	mu      sync.Mutex
	daemons map[string]*process
	relays  map[string]*relay
}

type process struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	done   chan error
}

type key struct{}

func setup(env *testscript.Env) error {
	w := &world{daemons: map[string]*process{}, relays: map[string]*relay{}}
	env.Values[key{}] = w
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("LANG", "C")
	env.Defer(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, p := range w.daemons {
			_ = p.cmd.Process.Kill()
			<-p.done
		}
		for _, r := range w.relays {
			r.close()
		}
	})
	return nil
}

func worldOf(ts *testscript.TestScript) *world {
	w, ok := ts.Value(key{}).(*world)
	if !ok {
		ts.Fatalf("no world")
	}
	return w
}

// command prepares a program of the script's PATH in its environment.
func command(ts *testscript.TestScript, name string, args ...string) *exec.Cmd {
	path := ""
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if p := filepath.Join(dir, name); path == "" {
			if _, err := os.Stat(p); err == nil {
				path = p
			}
		}
	}
	cmd := exec.CommandContext(context.Background(), path, args...)
	cmd.Dir = ts.Getenv("WORK")
	for _, v := range []string{"PATH", "HOME", "WORK", "TMPDIR", "LANG", "PARS_SESSION_PASSPHRASE"} {
		cmd.Env = append(cmd.Env, v+"="+ts.Getenv(v))
	}
	return cmd
}

// startDaemon: daemon NAME [flag...] starts sessiond with the data folder NAME and waits
// until it is ready. $NAME_addr is its multiaddr afterwards.
func startDaemon(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: daemon NAME [flag...]")
	}
	name := args[0]
	cmd := command(ts, "sessiond", append([]string{"--network", "pars-dev", "--datadir", name, "--listen", "/ip4/127.0.0.1/tcp/0", "--json", "--log.level", "debug"}, args[1:]...)...)
	p := &process{cmd: cmd, done: make(chan error, 1)}
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	cmd.Stderr = &p.stderr
	ts.Check(cmd.Start())
	line, readErr := bufio.NewReader(out).ReadBytes('\n')
	go func() {
		_, _ = io.Copy(io.Discard, out)
		p.done <- cmd.Wait()
	}()
	var ready struct {
		Multiaddrs []string
		HTTP       string
	}
	if err := json.Unmarshal(line, &ready); err != nil {
		_ = cmd.Process.Kill()
		<-p.done
		ts.Fatalf("daemon %s did not come up: %v %v\n%s", name, readErr, err, &p.stderr)
	}
	w := worldOf(ts)
	w.mu.Lock()
	w.daemons[name] = p
	w.mu.Unlock()
	ts.Setenv(name+"_addr", ready.Multiaddrs[0])
	ts.Setenv(name+"_http", ready.HTTP)
}

func take(ts *testscript.TestScript, name string) *process {
	w := worldOf(ts)
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.daemons[name]
	if p == nil {
		ts.Fatalf("no daemon %s", name)
	}
	delete(w.daemons, name)
	return p
}

// endDaemon: end NAME sends SIGTERM and wants a clean end.
func endDaemon(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: end NAME")
	}
	p := take(ts, args[0])
	ts.Check(p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-p.done:
		if err != nil {
			ts.Fatalf("%s ended with %v\n%s", args[0], err, &p.stderr)
		}
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.done
		ts.Fatalf("%s does not end\n%s", args[0], &p.stderr)
	}
}

// crashDaemon: crash NAME is kill -9.
func crashDaemon(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: crash NAME")
	}
	p := take(ts, args[0])
	ts.Check(p.cmd.Process.Kill())
	<-p.done
}

// exits: exits CODE PROGRAM [arg...] runs a program and wants that exit code. Its
// output is there for stdout and stderr.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [arg...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// watchFor: watchfor NAME PATTERN follows the log of a daemon from its beginning
// until a line of it matches.
func watchFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: watchfor NAME PATTERN")
	}
	follow(ts, args[0], args[1], "message", "watch", "--history", "--json")
}

// watchPosts: watchposts NAME SPACE PATTERN follows the posts of a space from the
// first until one matches.
func watchPosts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: watchposts NAME SPACE PATTERN")
	}
	follow(ts, args[0], args[2], "space", "watch", args[1], "--history", "--json")
}

// until: until PATTERN ARG... asks parsctl until what it says matches, over all of its
// lines.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN ARG...")
	}
	pattern, err := regexp.Compile("(?s)" + args[0])
	ts.Check(err)
	var last []byte
	for end := time.Now().Add(patience); time.Now().Before(end); {
		cmd := command(ts, "parsctl", args[1:]...)
		if last, _ = cmd.Output(); pattern.Match(last) {
			return
		}
	}
	ts.Fatalf("parsctl %q never said %s, but\n%s", args[1:], pattern, last)
}

// watchNote: watchnote NAME SPACE NOTE PATTERN asks for a note until what it says
// matches, over all of its lines.
func watchNote(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: watchnote NAME SPACE NOTE PATTERN")
	}
	pattern, err := regexp.Compile("(?s)" + args[3])
	ts.Check(err)
	var last []byte
	for until := time.Now().Add(patience); time.Now().Before(until); {
		cmd := command(ts, "parsctl", "--datadir", args[0], "space", "note", "show", args[1], args[2])
		if last, _ = cmd.Output(); pattern.Match(last) {
			return
		}
	}
	ts.Fatalf("the note never said %s, but\n%s", pattern, last)
}

// follow runs a command of parsctl that goes on until a line of it matches.
func follow(ts *testscript.TestScript, name, want string, args ...string) {
	pattern, err := regexp.Compile(want)
	ts.Check(err)
	cmd := command(ts, "parsctl", append([]string{"--datadir", name}, args...)...)
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	var seen []string
	found := false
	for s := bufio.NewScanner(out); s.Scan(); {
		seen = append(seen, s.Text())
		if found = pattern.MatchString(s.Text()); found {
			break
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if !found {
		ts.Fatalf("%s never showed %s, only\n%s", name, pattern, strings.Join(seen, "\n"))
	}
}

// count: count N PATTERN FILE wants exactly N matches.
func count(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: count N PATTERN FILE")
	}
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	text := ts.ReadFile(args[2])
	if n := len(pattern.FindAllString(text, -1)); fmt.Sprint(n) != args[0] {
		ts.Fatalf("%d matches of %s, want %s, in\n%s", n, pattern, args[0], text)
	}
}

// setMatch: setmatch VARIABLE PATTERN takes what the first group of a pattern matches
// in stdout.
func setMatch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: setmatch VARIABLE PATTERN")
	}
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	m := pattern.FindStringSubmatch(ts.ReadFile("stdout"))
	if len(m) < 2 {
		ts.Fatalf("no %s in %s", pattern, ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], m[1])
}

// setJSON: setjson VARIABLE FIELD takes a field of the JSON on stdout.
func setJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: setjson VARIABLE FIELD")
	}
	var object map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &object))
	value, ok := object[args[1]].(string)
	if !ok {
		ts.Fatalf("no field %s in %v", args[1], object)
	}
	ts.Setenv(args[0], value)
}

// portOf: portof VARIABLE MULTIADDR takes the TCP port.
func portOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || portPattern.FindStringSubmatch(args[1]) == nil {
		ts.Fatalf("usage: portof VARIABLE MULTIADDR")
	}
	ts.Setenv(args[0], portPattern.FindStringSubmatch(args[1])[1])
}

// tamper: tamper FILE OUT changes one letter in the middle.
func tamper(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tamper FILE OUT")
	}
	b := []byte(ts.ReadFile(args[0]))
	i := len(b) / 2
	for b[i] < 'a' || b[i] > 'y' {
		i++
	}
	b[i]++
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b, 0o600))
}

// nowhere: nowhere PLACE... -- TEXT... wants none of the texts in the folders, or in
// what a relay of that name has seen.
func nowhere(ts *testscript.TestScript, neg bool, args []string) {
	places, texts, ok := cut(args, "--")
	if neg || !ok {
		ts.Fatalf("usage: nowhere PLACE... -- TEXT...")
	}
	total := 0
	look := func(where string, b []byte) {
		total += len(b)
		for _, text := range texts {
			if bytes.Contains(b, []byte(text)) {
				ts.Fatalf("%s contains %q", where, text)
			}
		}
	}
	w := worldOf(ts)
	for _, place := range places {
		if r := w.relays[place]; r != nil {
			look("the link through "+place, r.seen())
			continue
		}
		ts.Check(filepath.WalkDir(ts.MkAbs(place), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			look(path, b)
			return err
		}))
	}
	if total < 20<<10 {
		ts.Fatalf("looked at %d bytes only", total)
	}
}

func cut(args []string, at string) (before, after []string, ok bool) {
	for i, a := range args {
		if a == at {
			return args[:i], args[i+1:], true
		}
	}
	return nil, nil, false
}

// relay is a TCP relay that records.
type relay struct {
	l  net.Listener
	wg sync.WaitGroup
	mu sync.Mutex
	b  bytes.Buffer
	cs []net.Conn
}

var portPattern = regexp.MustCompile(`/tcp/(\d+)/`)

// startRelay: relay NAME MULTIADDR listens before a daemon and records both
// directions. $NAME_addr is the multiaddr to use instead.
func startRelay(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: relay NAME MULTIADDR")
	}
	m := portPattern.FindStringSubmatch(args[1])
	if m == nil {
		ts.Fatalf("no port in %s", args[1])
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	r := &relay{l: l}
	w := worldOf(ts)
	w.mu.Lock()
	w.relays[args[0]] = r
	w.mu.Unlock()
	r.wg.Go(func() { r.run("127.0.0.1:" + m[1]) })
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Setenv(args[0]+"_addr", portPattern.ReplaceAllString(args[1], "/tcp/"+port+"/"))
}

func (r *relay) run(target string) {
	for {
		in, err := r.l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", target)
		if err != nil {
			_ = in.Close()
			continue
		}
		r.mu.Lock()
		r.cs = append(r.cs, in, out)
		r.mu.Unlock()
		for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
			r.wg.Go(func() {
				_, _ = io.Copy(pair[0], io.TeeReader(pair[1], r))
				_ = pair[0].Close()
				_ = pair[1].Close()
			})
		}
	}
}

// Write records.
func (r *relay) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(b)
}

func (r *relay) seen() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.b.Bytes())
}

func (r *relay) close() {
	_ = r.l.Close()
	r.mu.Lock()
	for _, c := range r.cs {
		_ = c.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
}
