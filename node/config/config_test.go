package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"pgregory.net/rapid"
)

type settings struct {
	*pflag.FlagSet
	port    int
	limit   uint64
	archive bool
	level   string
	peers   []string
}

func newSettings(args ...string) (*settings, error) {
	s := &settings{FlagSet: pflag.NewFlagSet("test", pflag.ContinueOnError)}
	s.IntVar(&s.port, "http.port", 8545, "")
	s.Uint64Var(&s.limit, "fd-limit", 32768, "")
	s.BoolVar(&s.archive, "archive", false, "")
	s.StringVar(&s.level, "log.level", "info", "")
	s.StringSliceVar(&s.peers, "bootstrap", nil, "")
	return s, s.Parse(args)
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "parsd.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func origin(values []Value, name string) Value {
	for _, v := range values {
		if v.Name == name {
			return v
		}
	}
	return Value{}
}

func TestPrecedence(t *testing.T) {
	const file = "[http]\nport = 3\n"
	for _, c := range []struct {
		name   string
		args   []string
		env    []string
		file   string
		port   int
		origin string
	}{
		{"nothing is set", nil, nil, "", 8545, "default"},
		{"only the file", nil, nil, file, 3, "file "},
		{"environment beats file", nil, []string{"PARS_HTTP_PORT=2"}, file, 2, "environment PARS_HTTP_PORT"},
		{"flag beats environment and file", []string{"--http.port=1"}, []string{"PARS_HTTP_PORT=2"}, file, 1, "flag --http.port"},
		{"a flag given its default value still wins", []string{"--http.port=8545"}, []string{"PARS_HTTP_PORT=2"}, file, 8545, "flag --http.port"},
		{"other programs' variables don't matter", nil, []string{"PATH=/bin", "PARSE=1", "PARS_TEST_FULL=1", "PARS_CONFIG=x"}, "", 8545, "default"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := newSettings(c.args...)
			if err != nil {
				t.Fatal(err)
			}
			src := Source{Environ: c.env}
			if c.file != "" {
				src.File = writeFile(t, c.file)
			}
			values, err := Load(s.FlagSet, nil, src)
			if err != nil {
				t.Fatal(err)
			}
			got := origin(values, "http.port")
			if s.port != c.port || !strings.HasPrefix(got.Origin, c.origin) {
				t.Errorf("http.port = %d from %q, want %d from %q", s.port, got.Origin, c.port, c.origin)
			}
		})
	}
}

func TestEveryKindFromEveryPlace(t *testing.T) {
	check := func(t *testing.T, src Source) {
		t.Helper()
		s, err := newSettings()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Load(s.FlagSet, []string{"dev.gaslimit"}, src); err != nil {
			t.Fatal(err)
		}
		if s.port != 1 || s.limit != 2 || !s.archive || s.level != "warn" || strings.Join(s.peers, " ") != "a b" {
			t.Errorf("Load = %d %d %t %q %q, want 1 2 true warn [a b]", s.port, s.limit, s.archive, s.level, s.peers)
		}
	}
	t.Run("environment", func(t *testing.T) {
		check(t, Source{Environ: []string{"PARS_HTTP_PORT=1", "PARS_FD_LIMIT=2", "PARS_ARCHIVE=true", "PARS_LOG_LEVEL=warn", "PARS_BOOTSTRAP=a,b", "PARS_DEV_GASLIMIT=7"}})
	})
	t.Run("file", func(t *testing.T) {
		check(t, Source{File: writeFile(t, "fd-limit = 2\narchive = true\nbootstrap = [\"a\", \"b\"]\n[http]\nport = 1\n[log]\nlevel = \"warn\"\n[dev]\ngaslimit = 7\n")})
	})
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, file string
		env        []string
		unknown    bool
		says       []string
	}{
		{"a mistyped variable", "", []string{"PARS_HTTP_PROT=1"}, true, []string{"PARS_HTTP_PROT", "did you mean PARS_HTTP_PORT?"}},
		{"a mistyped key", "[http]\nprot = 1\n", nil, true, []string{"http.prot", "did you mean http.port?"}},
		{"a mistyped table", "[htp]\nport = 1\n", nil, true, []string{"htp.port", "did you mean http.port?"}},
		{"a key like no other", "zzzzzzzzzz = 1\n", nil, true, []string{"zzzzzzzzzz"}},
		{"a number as string", "[http]\nport = \"1\"\n", nil, false, []string{"http.port", "without quotes"}},
		{"a string as number", "[log]\nlevel = 1\n", nil, false, []string{"log.level", "want a string"}},
		{"a bool as number", "archive = 1\n", nil, false, []string{"archive", "want a bool"}},
		{"a single string as list", "bootstrap = \"a\"\n", nil, false, []string{"bootstrap", "list of strings"}},
		{"a list of numbers", "bootstrap = [1]\n", nil, false, []string{"bootstrap", "strings only"}},
		{"a negative limit", "fd-limit = -1\n", nil, false, []string{"fd-limit", "-1"}},
		{"a fraction", "fd-limit = 1.5\n", nil, false, []string{"fd-limit", "1.5"}},
		{"a date", "fd-limit = 2020-01-01\n", nil, false, []string{"fd-limit"}},
		{"broken TOML", "[http\n", nil, false, []string{"parsd.toml"}},
		{"words in a number", "", []string{"PARS_HTTP_PORT=many"}, false, []string{"PARS_HTTP_PORT", "many"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := newSettings()
			if err != nil {
				t.Fatal(err)
			}
			src := Source{Environ: c.env}
			if c.file != "" {
				src.File = writeFile(t, c.file)
			}
			_, err = Load(s.FlagSet, nil, src)
			if err == nil {
				t.Fatal("Load succeeded, want an error")
			}
			if errors.Is(err, ErrUnknown) != c.unknown {
				t.Errorf("errors.Is(%v, ErrUnknown) = %t, want %t", err, !c.unknown, c.unknown)
			}
			for _, want := range c.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Load = %v, want it to say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("Load = %q, want one line", err)
			}
		})
	}
}

func TestMissingAndHugeFiles(t *testing.T) {
	s, err := newSettings()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(s.FlagSet, nil, Source{File: filepath.Join(t.TempDir(), "none.toml")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Load of a missing file = %v, want ErrNotExist", err)
	}
	if _, err := Load(s.FlagSet, nil, Source{File: writeFile(t, strings.Repeat("#\n", maxFile))}); err == nil {
		t.Error("Load of a huge file succeeded, want an error")
	}
}

// distance must be a metric; a hand-made one is easily off by one at the ends.
func TestDistanceIsAMetric(t *testing.T) {
	word := rapid.StringMatching(`[a-c]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := word.Draw(t, "a"), word.Draw(t, "b"), word.Draw(t, "c")
		if (distance(a, b) == 0) != (a == b) || distance(a, b) != distance(b, a) || distance(a, c) > distance(a, b)+distance(b, c) {
			t.Fatalf("distances of %q %q %q are %d %d %d", a, b, c, distance(a, b), distance(b, c), distance(a, c))
		}
		if distance(a, "") != len(a) {
			t.Fatalf("distance(%q, \"\") = %d, want %d", a, distance(a, ""), len(a))
		}
	})
}

func FuzzParseFile(f *testing.F) {
	f.Add("[http]\nport = 1\n")
	f.Add("bootstrap = [\"a\"]\n")
	f.Add("a.b.c = 1\n[a]\nb = 2\n")
	f.Add("[[http]]\nport = 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := newSettings()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		s.VisitAll(func(fl *pflag.Flag) { names = append(names, fl.Name) })
		values, err := parseFile(text, names)
		if err != nil {
			return
		}
		for name, v := range values {
			flag := s.Lookup(name)
			if flag == nil {
				t.Fatalf("parseFile let %q through", name)
			}
			_ = setFromFile(flag, v)
		}
	})
}
