package rpc

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/pars-network/pars/evm/chaintest"
	"github.com/pars-network/pars/evm/engine"
)

// graphQL posts a request body and returns status and answer.
func (n *node) graphQL(t *testing.T, path, body string, change ...func(*http.Request)) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+n.addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, f := range change {
		f(req)
	}
	return fetch(t, req)
}

func fetch(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	return res.StatusCode, string(raw)
}

// Queries see the 256 blocks before the one they are asked on, as the headers
// have them.
func TestGraphQLShowsTheLastBlocks(t *testing.T) {
	n := start(t, Config{})
	for i := range uint64(261) {
		n.Mine(n.Tx(0, &chaintest.Store, 0, chaintest.Word(i)))
	}
	head := n.BlockChain.CurrentBlock()
	after, seen, pages := "", uint64(0), 0
	for {
		body, err := json.Marshal(map[string]any{
			"query":     "query($a: String) { blocks(first: 100, after: $a) { nodes { id number hash timestamp timeMs gasUsed gasLimit baseFeePerGas proposer } pageInfo { endCursor hasNextPage } } }",
			"variables": map[string]any{"a": after},
		})
		if err != nil {
			t.Fatal(err)
		}
		if after == "" {
			body = []byte(strings.Replace(string(body), `"a":""`, `"a":null`, 1))
		}
		status, text := n.graphQL(t, "/graphql", string(body))
		var r struct {
			Data struct {
				Blocks struct {
					Nodes    []map[string]string
					PageInfo struct {
						EndCursor   string
						HasNextPage bool
					}
				}
			}
		}
		if err := json.Unmarshal([]byte(text), &r); err != nil || status != 200 {
			t.Fatalf("status %d, %s, %v", status, text, err)
		}
		for _, b := range r.Data.Blocks.Nodes {
			if seen == 0 {
				seen = head.Number.Uint64() - 257
			}
			seen++
			h := n.BlockChain.GetHeaderByNumber(seen)
			x, err := engine.ParseExtra(h.Extra)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{
				"id": fmt.Sprint(seen), "number": fmt.Sprint(seen), "hash": h.Hash().Hex(), "timestamp": fmt.Sprint(h.Time), "timeMs": fmt.Sprint(x.TimeMs),
				"gasUsed": fmt.Sprint(h.GasUsed), "gasLimit": fmt.Sprint(h.GasLimit), "baseFeePerGas": h.BaseFee.String(), "proposer": fmt.Sprintf("0x%x", x.Proposer[:]),
			}
			if fmt.Sprint(b) != fmt.Sprint(want) {
				t.Fatalf("block %d is %v, want %v", seen, b, want)
			}
		}
		pages++
		if !r.Data.Blocks.PageInfo.HasNextPage {
			break
		}
		after = r.Data.Blocks.PageInfo.EndCursor
	}
	if seen != head.Number.Uint64()-1 || pages != 3 {
		t.Errorf("the last block is %d on page %d, want %d on page 3", seen, pages, head.Number.Uint64()-1)
	}
	_, text := n.graphQL(t, "/graphql", `{"query": "{ a: block(id: \"4\") { id } b: block(id: \"5\") { id } c: block(id: \"261\") { id } d: block(id: \"05\") { id } e: block(id: \"260\") { number } }"}`)
	if want := `{"data":{"a":null,"b":{"id":"5"},"c":null,"d":null,"e":{"number":"260"}}}`; text != want {
		t.Errorf("blocks by number: %s, want %s", text, want)
	}
	_, text = n.graphQL(t, "/graphql", `{"query": "{ blocks(first: 2, orderDirection: desc, where: {number_lt: 200, timestamp_gt: 5}) { nodes { id } } }"}`)
	if want := `{"data":{"blocks":{"nodes":[{"id":"199"},{"id":"198"}]}}}`; text != want {
		t.Errorf("the newest blocks below 200: %s, want %s", text, want)
	}
}

func TestGraphQLOverHTTP(t *testing.T) {
	n := start(t, Config{})
	n.Mine(n.Tx(0, &chaintest.Store, 0, chaintest.Word(1)))
	n.Mine(n.Tx(0, &chaintest.Store, 0, chaintest.Word(2)))
	const good = `{"query": "{ blocks { nodes { id } } }"}`
	const answer = `{"data":{"blocks":{"nodes":[{"id":"1"}]}}}`
	none := "/graphql/0x" + strings.Repeat("00", 31) + "01"
	for _, c := range []struct {
		name, path, body string
		change           func(*http.Request)
		status           int
		want             string
	}{
		{"a query", "/graphql", good, nil, 200, answer},
		{"a query, with a slash", "/graphql/", good, nil, 200, answer},
		{"variables that are null", "/graphql", `{"query": "{ blocks { nodes { id } } }", "variables": null}`, nil, 200, answer},
		{"a refusal has a place", "/graphql", `{"query": "{\n  blocks { nodes { size } } }"}`, nil, 200, `{"errors":[{"message":"Block has no field size","locations":[{"line":2,"column":20}]}]}`},
		{"refused variables", "/graphql", `{"query": "{ __typename }", "variables": {"n": [1]}}`, nil, 200, "want a value"},
		{"an unknown schema", none, good, nil, 200, "UnknownSchema"},
		{"an unknown schema's introspection", none, `{"query": "{ __schema { types { name } } }"}`, nil, 200, "UnknownSchema"},
		{"no schema", "/graphql/0x12", good, nil, 404, ""},
		{"no JSON", "/graphql", "{", nil, 400, "reading the request"},
		{"another type", "/graphql", good, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 400, "application/json"},
		{"too long", "/graphql", `{"query": "` + strings.Repeat(" ", 70_000) + `"}`, nil, 400, "65536"},
		{"another method", "/graphql", good, func(r *http.Request) { r.Method = http.MethodPut }, 405, "GET or POST"},
		{"another host", "/graphql", good, func(r *http.Request) { r.Host = "evil.example" }, 403, "invalid host"},
		{"introspection", "/graphql", `{"query": "query Q($n: String = \"Block\") { __type(name: $n) { ...T } } fragment T on __Type { kind fields { name type { kind ofType { name } } } }"}`, nil, 200, `{"data":{"__type":{"kind":"OBJECT","fields":[{"name":"id","type":{"kind":"NON_NULL","ofType":{"name":"ID"}}},`},
		{"wrong introspection", "/graphql", `{"query": "{ __schema { size } }"}`, nil, 200, "errors"},
		{"endless introspection", "/graphql", `{"query": "{ __schema { types { fields { type { fields { type { fields { type { fields { type { fields { type { fields { type { fields { type { fields { name } } } } } } } } } } } } } } } } } } }"}`, nil, 200, "errors"},
	} {
		if c.change == nil {
			c.change = func(*http.Request) {}
		}
		status, got := n.graphQL(t, c.path, c.body, c.change)
		if status != c.status || !strings.Contains(got, c.want) {
			t.Errorf("%s: status %d, %.300s, want status %d and %s", c.name, status, got, c.status, c.want)
		}
	}
	for query, want := range map[string]string{
		"":  "<!doctype html>",
		"?": "<!doctype html>",
		"?query=" + url.QueryEscape("query($n: Int) { blocks(first: $n) { nodes { id } } }") + "&variables=" + url.QueryEscape(`{"n": 1}`): answer,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+n.addr+"/graphql"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, got := fetch(t, req); status != 200 || !strings.HasPrefix(got, want) {
			t.Errorf("GET %s: status %d, %.200s, want %s", query, status, got, want)
		}
	}
}
