package localnet

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/pars-network/pars/node"
)

func TestSidesOfACut(t *testing.T) {
	for _, c := range []struct {
		name   string
		groups []string
		want   []int
		says   string
	}{
		{"two groups", []string{"1,2", "3,4,5"}, []int{1, 1, 2, 2, 2}, ""},
		{"the rest is a group", []string{"2"}, []int{0, 1, 0, 0, 0}, ""},
		{"three groups with spaces", []string{" 5, 4", "1"}, []int{2, 0, 0, 1, 1}, ""},
		{"healed", nil, []int{0, 0, 0, 0, 0}, ""},
		{"a node that isn't there", []string{"6"}, nil, "no node 6, only 1 to 5"},
		{"node 0", []string{"0"}, nil, "no node 0"},
		{"a node twice", []string{"1,2", "2"}, nil, "node 2 is named twice"},
		{"no number", []string{"node1"}, nil, `"node1" in it, want numbers`},
		{"nothing between commas", []string{"1,,2"}, nil, "want numbers"},
		{"all in one", []string{"1,2,3,4,5"}, nil, "cuts nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cut, err := ParseCut(c.groups)
			var sides []int
			if err == nil {
				sides, err = cut.sides(5)
			}
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) || node.CodeOf(err) != node.CodeUsage {
					t.Errorf("error = %v, want a usage error with %q", err, c.says)
				}
				return
			}
			if err != nil || !slices.Equal(sides, c.want) {
				t.Errorf("sides = %v, %v, want %v", sides, err, c.want)
			}
		})
	}
	if _, err := (Cut{{}}).sides(5); err == nil {
		t.Error("an empty group is taken")
	}
}

func FuzzParseCut(f *testing.F) {
	f.Add("1,2|3")
	f.Add("")
	f.Add("-1,9999999999999999999")
	f.Fuzz(func(t *testing.T, text string) {
		cut, err := ParseCut(strings.Split(text, "|"))
		if err != nil {
			return
		}
		again, err := ParseCut(strings.Split(cut.String(), "|"))
		if err != nil || again.String() != cut.String() {
			t.Errorf("ParseCut(%q) = %v, and reading that gives %v, %v", text, cut, again, err)
		}
		if sides, err := cut.sides(5); err == nil && len(sides) != 5 {
			t.Errorf("sides of %v = %v, want 5 of them", cut, sides)
		}
	})
}

func TestRouterCutsAndHeals(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	synctest.Test(t, func(t *testing.T) {
		pipes := []*pipe{newPipe(), newPipe(), newPipe(), newPipe()} // three nodes and the host
		var wires []wire
		for i, p := range pipes {
			wires = append(wires, wire{p, testAddr(i)})
		}
		const host = 3
		r := newRouter(wires, func(int, int) time.Duration { return 0 }, func(int, int) bool { return false })
		// reach lists who hears whom: every wire sends to every other.
		reach := func() (heard []string) {
			for i := range pipes {
				for j := range pipes {
					if i != j {
						pipes[i].out <- packetTo(testAddr(j), uint32(i))
						synctest.Wait()
						if len(pipes[j].in) > 0 {
							if got := binary.BigEndian.Uint32((<-pipes[j].in)[20:]); got != uint32(i) {
								t.Errorf("a packet of %d arrived, want of %d", got, i)
							}
							continue
						}
						heard = append(heard, string(rune('1'+i))+">"+string(rune('1'+j)))
					}
				}
			}
			return heard
		}
		for _, c := range []struct {
			cut  Cut
			deaf []string
		}{
			{nil, nil},
			{Cut{{1}}, []string{"1>2", "1>3", "2>1", "3>1"}},
			{Cut{{1}, {2}}, []string{"1>2", "1>3", "2>1", "2>3", "3>1", "3>2"}},
			{nil, nil},
		} {
			sides, err := c.cut.sides(host)
			if err != nil {
				t.Fatal(err)
			}
			r.cut(sides)
			if deaf := reach(); !slices.Equal(deaf, c.deaf) {
				t.Errorf("cut %q: lost are %v, want %v", c.cut, deaf, c.deaf)
			}
		}
		if err := r.close(); err != nil {
			t.Errorf("close() = %v, want nil", err)
		}
	})
}

func TestControlTakesOrdersOverTheSocket(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("only Linux has the namespaces that make links to cut")
	}
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	// Deeper than a socket's address is long.
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Divide(t.Context(), dir, nil); err == nil || node.CodeOf(err) != node.CodeUsage {
		t.Errorf("Divide where nothing runs = %v, want a usage error", err)
	}
	var obeyed []string
	refuse := errors.New("there is no node 9")
	c, err := newControl(t.Context(), dir, func(o order) error {
		if len(o.Cut) > 0 && o.Cut[0][0] == 9 {
			return refuse
		}
		obeyed = append(obeyed, o.Cut.String())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []Cut{{{1, 2}, {3}}, nil} {
		if err := Divide(t.Context(), dir, cut); err != nil {
			t.Errorf("Divide(%q) = %v, want nil", cut, err)
		}
	}
	if err := Divide(t.Context(), dir, Cut{{9}}); err == nil || err.Error() != refuse.Error() {
		t.Errorf("Divide of a node that isn't there = %v, want %v", err, refuse)
	}
	for _, bad := range []string{"nonsense\n", `{"kill":1}` + "\n", `{"cut":"` + strings.Repeat("x", maxOrder) + "\"}\n"} {
		if got := say(t, dir, bad); got.Error == "" {
			t.Errorf("%.20q was answered with %+v, want an error", bad, got)
		}
	}
	if want := []string{"1,2|3", ""}; !slices.Equal(obeyed, want) {
		t.Errorf("obeyed %q, want %q", obeyed, want)
	}
	if err := c.close(dir); err != nil {
		t.Errorf("close() = %v, want nil", err)
	}
	if err := Divide(t.Context(), dir, nil); err == nil {
		t.Error("Divide after close() = nil, want an error")
	}
}

// say sends text to the control socket and returns the answer.
func say(t *testing.T, dir, text string) (o outcome) {
	t.Helper()
	var conn net.Conn
	err := viaShortPath(dir, func(path string) (err error) {
		conn, err = new(net.Dialer).DialContext(t.Context(), "unix", path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(conn).Decode(&o); err != nil {
		t.Fatal(err)
	}
	return o
}
