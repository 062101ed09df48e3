package graphql

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/ava-labs/libevm/common"

	"github.com/pars-network/pars/precompile/graph"
)

// Path is where the schema of the built-in types is served; a registered one is
// below it: /graphql/0x and its id.
const Path = "/graphql"

// maxBody bounds a request, in bytes: a query and variables at their limits, each
// byte escaped.
const maxBody = 64 << 10

// Caller runs a call of the Graph contract on the newest block. An error may carry
// revert data: the method ErrorData, as go-ethereum's RPC errors have it.
type Caller func(ctx context.Context, input []byte) ([]byte, error)

// New serves what call answers.
func New(call Caller) http.Handler { return &handler{call} }

type handler struct{ call Caller }

// request is one query.
type request struct {
	Query     string          `json:"query"`
	Variables json.RawMessage `json:"variables"`
	Operation string          `json:"operationName"`
}

//go:embed page.html
var page []byte

// policy lets the page run its one script and talk to this server.
var policy = func() string {
	_, rest, _ := strings.Cut(string(page), "<script>")
	script, _, _ := strings.Cut(rest, "</script>")
	sum := sha256.Sum256([]byte(script))
	return "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; script-src 'sha256-" +
		base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	schema, ok := schemaOf(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	switch {
	case r.Method == http.MethodGet && !r.URL.Query().Has("query"):
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(page) // a lost connection has nobody to tell
		return
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, POST")
		refuse(w, http.StatusMethodNotAllowed, errors.New("queries come by GET or POST"))
		return
	}
	q, err := read(w, r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	out, err := h.answer(r.Context(), schema, q)
	if err != nil {
		refuse(w, http.StatusOK, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(out) // as above
}

// schemaOf is the schema that a path names.
func schemaOf(path string) (id common.Hash, ok bool) {
	rest, ok := strings.CutPrefix(path, Path)
	if rest == "" || rest == "/" {
		return id, ok
	}
	raw, err := hex.DecodeString(strings.TrimPrefix(rest, "/0x"))
	if !ok || err != nil || len(raw) != common.HashLength || !strings.HasPrefix(rest, "/0x") {
		return id, false
	}
	return common.Hash(raw), true
}

// read takes the query out of a request.
func read(w http.ResponseWriter, r *http.Request) (q request, err error) {
	if r.Method == http.MethodGet {
		v := r.URL.Query()
		return request{v.Get("query"), json.RawMessage(v.Get("variables")), v.Get("operationName")}, nil
	}
	// Pages of other origins can't send this type without asking first.
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return q, fmt.Errorf("got the content type %.60q, want application/json", r.Header.Get("Content-Type"))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return q, fmt.Errorf("reading the request: %w; it may have %d bytes", err, maxBody)
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return q, fmt.Errorf("reading the request: %w; want {\"query\": \"...\", \"variables\": {...}}", err)
	}
	return q, nil
}

func (h *handler) answer(ctx context.Context, schema common.Hash, q request) ([]byte, error) {
	if !introspects(q.Query) {
		return h.query(ctx, schema, q)
	}
	sdl := ""
	if schema != (common.Hash{}) {
		out, err := h.ask(ctx, "schemaOf", schema)
		if err != nil {
			return nil, err
		}
		sdl, _ = out[1].(string)
	}
	whole, err := graph.SDL(sdl)
	if err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	var variables map[string]any
	if len(q.Variables) > 0 {
		if err := json.Unmarshal(q.Variables, &variables); err != nil {
			return nil, fmt.Errorf("reading the variables: %w", err)
		}
	}
	return introspect(whole, q.Query, q.Operation, variables)
}

func (h *handler) query(ctx context.Context, schema common.Hash, q request) ([]byte, error) {
	variables := strings.TrimSpace(string(q.Variables))
	if variables == "null" {
		variables = ""
	}
	out, err := h.ask(ctx, "query", schema, q.Query, variables)
	if err != nil {
		return nil, locate(err, q.Query)
	}
	text, _ := out[0].(string)
	return []byte(text), nil
}

// ask calls a function of the contract.
func (h *handler) ask(ctx context.Context, name string, args ...any) ([]any, error) {
	contract := graph.Graph.ABI()
	input, err := contract.Pack(name, args...)
	if err != nil {
		return nil, fmt.Errorf("packing a call of %s: %w", name, err)
	}
	raw, err := h.call(ctx, input)
	if err != nil {
		return nil, explain(err)
	}
	out, err := contract.Unpack(name, raw)
	if err != nil {
		return nil, fmt.Errorf("reading the contract's answer: %w", err)
	}
	return out, nil
}

// refusal is a revert of the contract.
type refusal struct {
	name   string
	reason string
	offset int // in the query, or -1
}

func (r *refusal) Error() string {
	if r.reason == "" {
		return r.name
	}
	return r.reason
}

// explain finds the revert in an error of a call.
func explain(err error) error {
	var with interface{ ErrorData() any }
	if !errors.As(err, &with) {
		return err
	}
	text, _ := with.ErrorData().(string)
	data, decodeErr := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if decodeErr != nil || len(data) < 4 {
		return err
	}
	contract := graph.Graph.ABI()
	e, unknown := contract.ErrorByID([4]byte(data))
	if unknown != nil {
		return err
	}
	out := &refusal{name: e.Name, offset: -1}
	args, unpackErr := e.Inputs.Unpack(data[4:])
	if unpackErr == nil && (e.Name == "QueryRefused" || e.Name == "VariablesRefused") {
		out.reason, _ = args[1].(string)
		if n, ok := args[0].(interface{ Int64() int64 }); ok && e.Name == "QueryRefused" {
			out.offset = int(n.Int64())
		}
	}
	return out
}

// place is a line and a column, from 1.
type place struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// located is an error at a place of the query.
type located struct {
	error
	at place
}

func locate(err error, query string) error {
	var r *refusal
	if !errors.As(err, &r) || r.offset < 0 || r.offset > len(query) {
		return err
	}
	before := query[:r.offset]
	line := strings.Count(before, "\n")
	return &located{err, place{line + 1, len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1}}
}

// refuse writes an error as GraphQL has it.
func refuse(w http.ResponseWriter, status int, err error) {
	type entry struct {
		Message   string  `json:"message"`
		Locations []place `json:"locations,omitempty"`
	}
	e := entry{Message: err.Error()}
	var at *located
	if errors.As(err, &at) {
		e.Locations = []place{at.at}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string][]entry{"errors": {e}}) // a lost connection has nobody to tell
}
