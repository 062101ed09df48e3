package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ava-labs/libevm"
	"github.com/ava-labs/libevm/common/hexutil"

	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/precompile"
)

// ceremonyTime bounds one command of one member.
const ceremonyTime = 2 * time.Minute

// ceremony is what parsctl threshold dkg and sign print with --json.
type ceremony struct {
	State string
	Group struct {
		ID       string
		SuiteID  uint8         `json:"suite_id"`
		GroupKey hexutil.Bytes `json:"group_key"`
	}
	Message   hexutil.Bytes
	Signature hexutil.Bytes
}

// member runs parsctl threshold as one person, in a process and folder of their
// own.
func member(ctx context.Context, bin, dir, who string, args ...string) (c ceremony, err error) {
	ctx, cancel := context.WithTimeout(ctx, ceremonyTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, append([]string{"threshold", "--json", "--home", filepath.Join(dir, who)}, args...)...)
	cmd.Env = append(testutil.Environ(), "PARS_THRESHOLD_PASSPHRASE=of "+who)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return c, fmt.Errorf("%s %s: %w\n%s%s", who, strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return c, json.Unmarshal(out, &c)
}

// atOnce runs the same command for several people, each in a process of its
// own, and returns what they agree on.
func atOnce(t *testing.T, bin, dir string, who []string, args ...string) (all []ceremony) {
	t.Helper()
	type answer struct {
		ceremony
		err error
	}
	answers := make(chan answer)
	for _, w := range who {
		go func() {
			c, err := member(t.Context(), bin, dir, w, args...)
			answers <- answer{c, err}
		}()
	}
	for range who {
		a := <-answers
		if a.err != nil {
			t.Error(a.err)
		}
		all = append(all, a.ceremony)
	}
	if t.Failed() {
		t.FailNow()
	}
	return all
}

// TestPeopleSignTogetherForTheChain: three people with parsctl, each on their
// own, make a key in every suite of RFC 9591; two of them sign, the third is
// away; the node's contract accepts the signature, and only for that message.
func TestPeopleSignTogetherForTheChain(t *testing.T) {
	p := startDev(t)
	bin := testutil.Build(t, "parsctl")
	dir := t.TempDir()
	people := []string{"sara", "reza", "nima"}
	var cards []string
	for _, who := range people {
		card := filepath.Join(dir, who+".member")
		for _, args := range [][]string{{"init", "--name", who}, {"card", "--file", card}} {
			if _, err := member(t.Context(), bin, dir, who, args...); err != nil {
				t.Fatal(err)
			}
		}
		cards = append(cards, "--member", card)
	}
	frost := precompile.Entries()[slices.IndexFunc(precompile.Entries(), func(e precompile.Entry) bool { return e.Address == precompile.FROSTAddress })]
	verify := func(suite uint8, key, message, sig []byte) bool {
		input, err := frost.ABI.Pack("verify", suite, key, message, sig)
		if err != nil {
			t.Fatal(err)
		}
		out, err := p.client.CallContract(t.Context(), ethereum.CallMsg{To: &precompile.FROSTAddress, Data: input}, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := frost.ABI.Unpack("verify", out)
		if err != nil {
			t.Fatal(err)
		}
		valid, _ := answer[0].(bool)
		return valid
	}
	for i, suite := range []string{"ed25519", "ristretto255", "ed448", "p256", "secp256k1"} {
		t.Run(suite, func(t *testing.T) {
			folder := filepath.Join(dir, "shared-"+suite)
			made := atOnce(t, bin, dir, people, append([]string{"dkg", "--label", suite, "--suite", suite, "--threshold", "2", "--folder", folder, "--wait", "--timeout", "1m"}, cards...)...)
			for _, m := range made {
				if m.State != "done" || m.Group.ID != made[0].Group.ID || int(m.Group.SuiteID) != i+1 {
					t.Fatalf("groups %+v, want one of suite %d", made, i+1)
				}
			}
			signed := atOnce(t, bin, dir, []string{"nima", "sara"}, "sign", "--group", suite, "--signer", "sara", "--signer", "nima",
				"--message", "pay 5 to reza", "--folder", folder, "--wait", "--timeout", "1m")
			key, sig := made[0].Group.GroupKey, signed[0].Signature
			if !bytes.Equal(sig, signed[1].Signature) || string(signed[0].Message) != "pay 5 to reza" {
				t.Fatalf("signed %+v, want one signature", signed)
			}
			if !verify(uint8(i+1), key, []byte("pay 5 to reza"), sig) {
				t.Error("the node refuses the group's signature")
			}
			if verify(uint8(i+1), key, []byte("pay 6 to reza"), sig) {
				t.Error("the node accepts another message")
			}
		})
	}
}

// TestThresholdGuide runs what docs/guide/threshold.md says, and then, with
// cast, the check that its last command prints.
func TestThresholdGuide(t *testing.T) {
	p := startDev(t)
	guide, err := os.ReadFile(filepath.Join("..", "docs", "guide", "threshold.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(guide), -1)
	if len(blocks) != 3 {
		t.Fatalf("the guide has %d blocks of commands, want 3", len(blocks))
	}
	var script strings.Builder
	for _, b := range blocks {
		script.WriteString(b[1])
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(testutil.Build(t, "parsctl"), filepath.Join(dir, "bin", "parsctl")); err != nil {
		t.Fatal(err)
	}
	out := string(runClient(t, dir, nil, "bash", "-euo", "pipefail", "-c", script.String()))
	call := regexp.MustCompile(`cast call (0x\w+) '([^']+)' (\d+) (0x\w+) (0x\w+) (0x\w+) --rpc-url`).FindStringSubmatch(out)
	if call == nil {
		t.Fatalf("no call to check the signature with:\n%s", out)
	}
	answer := runClient(t, ".", nil, installed(t, "clients", "cast"), append(append([]string{"call"}, call[1:]...), "--rpc-url", p.banner.HTTP)...)
	if string(answer) != "true" {
		t.Errorf("cast says %s, want true", answer)
	}
}
