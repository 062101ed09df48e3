package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestDecimalsAreReadExactly(t *testing.T) {
	for _, c := range []struct {
		text     string
		decimals int
		want     string // "" for a refusal
	}{
		{"0.42", 18, "420000000000000000"},
		{"63123.45", 2, "6312345"},
		{"-1.5", 1, "-15"},
		{"-0.05", 2, "-5"},
		{"7", 0, "7"},
		{"0.123", 2, ""},
		{"1.", 2, ""},
		{".5", 2, ""},
		{"", 2, ""},
		{"-", 2, ""},
		{"1e5", 2, ""},
		{"1-5", 2, ""},
		{"--1", 2, ""},
		{"+1", 2, ""},
		{"1.2.3", 4, ""},
		{strings.Repeat("9", 81), 0, ""},
	} {
		got, err := scaled(c.text, c.decimals)
		if c.want == "" {
			if !errors.Is(err, errUsage) {
				t.Errorf("scaled(%q, %d) = %v, %v, want a usage error", c.text, c.decimals, got, err)
			}
		} else if err != nil || got.String() != c.want {
			t.Errorf("scaled(%q, %d) = %v, %v, want %s", c.text, c.decimals, got, err, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n, decimals := big.NewInt(rapid.Int64().Draw(t, "n")), rapid.IntRange(0, 30).Draw(t, "decimals")
		if got, err := scaled(unscaled(n, decimals), decimals); err != nil || got.Cmp(n) != 0 {
			t.Fatalf("scaled(unscaled(%s, %d)) = %v, %v", n, decimals, got, err)
		}
	})
}

// run runs parsctl in this process.
func runOracle(t *testing.T, env map[string]string, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = Main(System{
		Args: append([]string{"oracle", "push"}, args...), Getenv: func(name string) string { return env[name] },
		Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr,
	})
	return code, stdout.String(), stderr.String()
}

func TestOraclePushRefusesWhatCanNotBe(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("11", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no key", []string{"--feed", "F", "--value", "1"}, ExitUsage, "--key"},
		{"no feed", []string{"--key", key, "--value", "1"}, ExitUsage, "--feed"},
		{"two names", []string{"--key", key, "--feed", "F", "--template", "0x", "--value", "1"}, ExitUsage, "--feed"},
		{"no value", []string{"--key", key, "--feed", "F"}, ExitUsage, "--value"},
		{"two values", []string{"--key", key, "--feed", "F", "--value", "1", "--command", "echo 1"}, ExitUsage, "--value"},
		{"a short template", []string{"--key", key, "--template", "0x11", "--value", "1"}, ExitUsage, "64 hex digits"},
		{"a value that stays, for ever", []string{"--key", key, "--feed", "F", "--value", "1", "--every", "5s"}, ExitUsage, "--every"},
		{"a word for a value", []string{"--key", key, "--feed", "F", "--value", "much"}, ExitUsage, "decimal number"},
		{"a value beyond 224 bits", []string{"--key", key, "--feed", "F", "--value", strings.Repeat("9", 60)}, ExitUsage, "224 bits"},
		{"a missing key file", []string{"--key", key + "x", "--feed", "F", "--value", "1"}, ExitUsage, "no such file"},
		{"a command that fails", []string{"--key", key, "--feed", "F", "--command", "exit 3"}, ExitError, "exit status 3"},
		{"no node", []string{"--rpc", closed.URL, "--key", key, "--feed", "F", "--value", "1"}, ExitUnreachable, "no node answers"},
	} {
		code, _, errs := runOracle(t, nil, c.args...)
		if code != c.code || !strings.Contains(errs, c.want) || strings.Contains(errs, strings.Repeat("11", 32)) {
			t.Errorf("%s: exit %d, %q, want exit %d and %q", c.name, code, errs, c.code, c.want)
		}
	}
}

// A feed that is near and fresh costs no transaction, in both languages.
func TestOraclePushSendsOnlyWhatIsNeeded(t *testing.T) {
	var asked []string
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req struct{ Method string }
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			t.Error(err)
		}
		asked = append(asked, req.Method)
		// The value 100 of the year 2096.
		_, _ = w.Write([]byte(`{"result":"0x` + strings.Repeat("0", 62) + "64" + strings.Repeat("0", 56) + `f0000000"}`))
	}))
	defer node.Close()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("11", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	common := []string{"--key", key, "--feed", "F", "--decimals", "0", "--value", "101", "--deviation", "1.5", "--heartbeat", "1h"}
	for lang, want := range map[string]string{"en": "Not needed: 101", "fa": "نیازی نیست"} {
		code, out, errs := runOracle(t, map[string]string{"PARS_RPC": node.URL, "PARS_LANG": lang}, common...)
		if code != ExitOK || !strings.Contains(out, want) {
			t.Errorf("in %s: exit %d, %q, %q, want %q", lang, code, out, errs, want)
		}
	}
	code, out, _ := runOracle(t, map[string]string{"PARS_RPC": node.URL}, append(common, "--json")...)
	var got pushJSON
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != ExitOK || got.Pushed || got.Value != "101" {
		t.Errorf("--json: exit %d, %s, %v, want pushed false", code, out, err)
	}
	for _, method := range asked {
		if method != "eth_call" {
			t.Errorf("push asked for %s, want eth_call alone", method)
		}
	}
}
