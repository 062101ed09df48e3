package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ava-labs/libevm/accounts/abi"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/client/chain"
	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/precompile/graph"
	"github.com/pars-network/pars/precompile/oracle"
)

// oraclePush runs parsctl oracle push against the node, paid by its account 0.
func oraclePush(ctx context.Context, t *testing.T, p *parsd, keys string, args ...string) string {
	t.Helper()
	payer := filepath.Join(keys, "payer")
	if err := os.WriteFile(payer, []byte(p.banner.Accounts[0].PrivateKey), 0o600); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"oracle", "push", "--rpc", p.banner.HTTP, "--key", filepath.Join(keys, "airnode"), "--payer", payer, "--feed", "PARS/USD"}, args...)
	cmd := exec.CommandContext(ctx, testutil.Build(t, "parsctl"), args...)
	cmd.Env = testutil.Environ()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("parsctl %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.String()
}

// graphQL asks a node at /graphql.
func graphQL(ctx context.Context, t *testing.T, p *parsd, schema, query string) string {
	t.Helper()
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(p.banner.HTTP, "/")+"/graphql"+schema, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	out, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %s, %v", query, res.StatusCode, out, err)
	}
	return string(out)
}

// TestFeedsAndEntitiesSurviveAKill pushes a value as an oracle does, registers a
// schema and fills it, kills the node the moment the last receipt is there, and
// asks again.
func TestFeedsAndEntitiesSurviveAKill(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 8*startTime)
	defer cancel()
	dir, keys := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(keys, "airnode"), []byte(strings.Repeat("42", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startDev(t, "--datadir", dir)

	var pushed struct {
		Feed    string `json:"feed"`
		Airnode string `json:"airnode"`
		Pushed  bool   `json:"pushed"`
		Block   uint64 `json:"block"`
		GasUsed uint64 `json:"gas_used"`
	}
	out := oraclePush(ctx, t, p, keys, "--command", "echo 0.42", "--json")
	if err := json.Unmarshal([]byte(out), &pushed); err != nil || !pushed.Pushed || pushed.Block == 0 {
		t.Fatalf("parsctl oracle push --json: %s, %v, want a push", out, err)
	}
	template := crypto.Keccak256([]byte("PARS/USD"))
	if want := oracle.BeaconID(common.HexToAddress(pushed.Airnode), template); pushed.Feed != want.Hex() {
		t.Errorf("the feed is %s, want %s", pushed.Feed, want)
	}
	t.Logf("a first push used %d gas", pushed.GasUsed)
	if out := oraclePush(ctx, t, p, keys, "--value", "0.43", "--deviation", "5", "--heartbeat", "1h", "--lang", "fa"); !strings.Contains(out, "نیازی نیست") {
		t.Errorf("a push that isn't needed says %q", out)
	}

	key, err := chain.ParseKey([]byte(p.banner.Accounts[1].PrivateKey), nil)
	if err != nil {
		t.Fatal(err)
	}
	client := chain.New(p.banner.HTTP)
	defer client.Close()
	contract := graph.Graph.ABI()
	send := func(name string, args ...any) chain.Receipt {
		t.Helper()
		input, err := contract.Pack(name, args...)
		if err != nil {
			t.Fatal(err)
		}
		hash, err := client.Send(ctx, key, chain.Address(graph.Address), input)
		if err != nil {
			t.Fatalf("sending %s: %v", name, err)
		}
		r, err := client.Wait(ctx, hash)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return r
	}
	const sdl = `type City { id: ID! name: String! people: BigInt! @index twin: City @index twins: [City!]! @derivedFrom(field: "twin") }`
	send("registerSchema", sdl)
	schema := graph.SchemaID(common.Address(key.Address()), sdl)
	types := make(abi.Arguments, 3)
	for i, name := range []string{"string", "int256", "string"} {
		if types[i].Type, err = abi.NewType(name, "", nil); err != nil {
			t.Fatal(err)
		}
	}
	twin := ""
	for i, name := range []string{"تهران", "Isfahan", "Los Angeles", "Dushanbe", "Kabul"} {
		fields, err := types.Pack(name, common.Big256, twin)
		if err != nil {
			t.Fatal(err)
		}
		r := send("put", schema, "City", fmt.Sprint(i), fields)
		if i == 4 {
			t.Logf("putting an entity of three fields, two of them indexed, used %d gas", r.GasUsed)
		}
		twin = fmt.Sprint(i)
	}
	last := send("remove", schema, "City", "2")
	const asked = `{ cities: citys(orderBy: people, where: {people: 256}) { nodes { id name twin { name } twins { nodes { id } } } pageInfo { endCursor hasNextPage } } feeds { nodes { id value round timestamp isSet } } }`
	blocks := fmt.Sprintf("{ blocks(where: {number_lt: %d}) { nodes { id hash timeMs gasUsed proposer } } }", last.Block)
	path := "/" + schema.Hex()
	before := [2]string{graphQL(ctx, t, p, path, asked), graphQL(ctx, t, p, "", blocks)}
	if !strings.Contains(before[0], `{"id":"3","name":"Dushanbe","twin":null,"twins":{"nodes":[{"id":"4"}]}}`) || !strings.Contains(before[0], `"value":"420000000000000000","round":"1"`) {
		t.Errorf("before the kill: %s, want Dushanbe without twin, and the feed", before[0])
	}
	if strings.Count(before[1], `"id"`) < 7 {
		t.Errorf("before the kill: %s, want the blocks of each transaction", before[1])
	}
	p.Kill()

	again := startDev(t, "--datadir", dir)
	after := [2]string{graphQL(ctx, t, again, path, asked), graphQL(ctx, t, again, "", blocks)}
	if after != before {
		t.Errorf("after the kill: %s, want %s", after, before)
	}
	// What follows is built on what was there; the restart took more than the
	// second after which a value is newer.
	if out := oraclePush(ctx, t, again, keys, "--value", "-1.5", "--lang", "fa"); !strings.Contains(out, "انجام شد") {
		t.Errorf("a push after the kill says %q", out)
	}
	if got := graphQL(ctx, t, again, "", `{ feed(id: "`+pushed.Feed+`") { value round } }`); got != `{"data":{"feed":{"value":"-1500000000000000000","round":"2"}}}` {
		t.Errorf("the feed after the kill is %s, want the second round", got)
	}
}
