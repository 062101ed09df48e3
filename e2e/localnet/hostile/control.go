package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/rlp"
)

// listen serves the controls on loopback and writes their address to path.
// Every one is a GET that answers when it is done, with JSON:
//
//	/mode?is=honest|mute|dawdle|abstain    how the node takes part from now on
//	/forge?name=NAME&name=...              send invalid blocks; without names all but the two that need an idle chain
//	/forgeries                             the list of them
//	/equivocate?heights=N&variants=K&abstain=BOOL
//	/strand?depth=N&size=BYTES             a chain of ancestors without a beginning
//	/flood?kind=KIND&packs=N&ms=MS                 transactions or junk
//	/frame?to=IP:PORT&claimed=N&size=BYTES raw bytes from a stranger
func (s *saboteur) listen(path string) (*http.Server, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	handle := func(name string, do func(ctx context.Context, q url.Values) (any, error)) {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			answer, err := do(r.Context(), r.URL.Query())
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(answer)
		})
	}
	handle("mode", func(_ context.Context, q url.Values) (any, error) { return true, s.become(q.Get("is")) })
	handle("forgeries", func(context.Context, url.Values) (any, error) {
		var out []Forged
		for _, c := range forgeries() {
			out = append(out, Forged{Name: c.name, Refused: c.refused})
		}
		return out, nil
	})
	handle("forge", func(ctx context.Context, q url.Values) (any, error) { return s.forgeAll(ctx, q["name"]) })
	handle("equivocate", func(ctx context.Context, q url.Values) (any, error) {
		heights, err := number(q, "heights")
		if err != nil {
			return nil, err
		}
		variants, err := number(q, "variants")
		if err != nil {
			return nil, err
		}
		return s.equivocate(ctx, heights, variants, q.Get("abstain") == "true")
	})
	handle("strand", func(ctx context.Context, q url.Values) (any, error) {
		depth, err := number(q, "depth")
		if err != nil {
			return nil, err
		}
		size, err := number(q, "size")
		if err != nil {
			return nil, err
		}
		return s.strand(ctx, depth, size)
	})
	handle("flood", func(ctx context.Context, q url.Values) (any, error) {
		ms, err := strconv.Atoi(q.Get("ms"))
		if err != nil {
			return nil, err
		}
		packs, err := number(q, "packs")
		if err != nil {
			return nil, err
		}
		return s.flood(ctx, q.Get("kind"), packs, time.Duration(ms)*time.Millisecond)
	})
	handle("frame", func(ctx context.Context, q url.Values) (any, error) {
		claimed, err := strconv.ParseUint(q.Get("claimed"), 10, 32)
		if err != nil {
			return nil, err
		}
		size, err := number(q, "size")
		if err != nil {
			return nil, err
		}
		return frame(ctx, q.Get("to"), uint32(claimed), size)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	return server, os.WriteFile(path, []byte(l.Addr().String()), 0o600)
}

func number(q url.Values, name string) (int, error) {
	n, err := strconv.Atoi(q.Get(name))
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%s is %q, want a number above 0", name, q.Get(name))
	}
	return n, nil
}

func encode(b *types.Block) ([]byte, error) { return rlp.EncodeToBytes(b) }
