package main

import (
	"net"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pars-network/pars/node/datadir"
)

// built is a folder with a parsd that was built before, as for all tests that
// drive the real programs. Without it the test binary stands in for parsd, which
// the race detector makes slow to start.
var built = os.Getenv("PARS_TEST_BIN")

func TestMain(m *testing.M) {
	if built != "" {
		os.Exit(m.Run())
	}
	testscript.Main(m, map[string]func(){"parsd": main})
}

// TestScript drives the real main through testdata/script.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			if built != "" {
				e.Setenv("PATH", built+string(os.PathListSeparator)+e.Getenv("PATH"))
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"occupy": occupy,
			"lock":   lock,
			"status": status,
		},
		RequireUniqueNames: true,
	})
}

// occupy takes a free port until the script ends: occupy VARIABLE
func occupy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: occupy VARIABLE")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Setenv(args[0], port)
}

// lock holds a data folder until the script ends: lock FOLDER
func lock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: lock FOLDER")
	}
	f, err := datadir.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Defer(func() { _ = f.Close() })
}

// status runs parsd and compares its exit code: status CODE args...
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: status CODE args...")
	}
	err := ts.Exec("sh", append([]string{"-c", `parsd "$@"; code=$?; echo "exit code $code" >&2; [ $code -eq "$0" ]`}, args...)...)
	if err != nil {
		ts.Fatalf("parsd %v: want exit code %s", args[1:], args[0])
	}
}
