package chain

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// maxAnswer bounds what a node may answer, in bytes.
const maxAnswer = 8 << 20

var (
	// ErrUnreachable reports that no node answers at the address.
	ErrUnreachable = errors.New("no node answers")
	// ErrRefused reports that the node understood the request and refused it, such
	// as a call that reverts.
	ErrRefused = errors.New("the node refuses")
	// ErrFailed reports a transaction that is in a block and has failed.
	ErrFailed = errors.New("the transaction failed")
)

// Client asks one node. It is safe for concurrent use.
type Client struct {
	url    string
	http   *http.Client
	number atomic.Uint64
}

// New returns a client of the node whose JSON-RPC is at url. Nothing is sent yet.
func New(url string) *Client {
	return &Client{url: url, http: &http.Client{Timeout: 30 * time.Second}}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// URL is where the node is.
func (c *Client) URL() string { return c.url }

// Ask calls a method and decodes its result into result.
func (c *Client) Ask(ctx context.Context, result any, method string, params ...any) error {
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.number.Add(1), "method": method, "params": params})
	if err != nil {
		return fmt.Errorf("encoding %s: %w", method, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w at %s: %w", ErrUnreachable, c.url, err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w at %s: %w", ErrUnreachable, c.url, err)
	}
	defer func() { _ = res.Body.Close() }() // it was read, or the error is known
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("%w at %s: %w", ErrUnreachable, c.url, err)
	}
	var answer struct {
		Result json.RawMessage `json:"result"`
		Error  *struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
			Data    any    `json:"data"`
		} `json:"error"`
	}
	if len(raw) > maxAnswer || json.Unmarshal(raw, &answer) != nil {
		return fmt.Errorf("%w at %s: %d bytes that are no JSON-RPC (HTTP %d), want an EVM node's address", ErrUnreachable, c.url, len(raw), res.StatusCode)
	}
	if answer.Error != nil {
		if text, ok := answer.Error.Data.(string); ok && text != "" {
			return fmt.Errorf("%w %s: %s (data %.74s)", ErrRefused, method, answer.Error.Message, text)
		}
		return fmt.Errorf("%w %s: %s", ErrRefused, method, answer.Error.Message)
	}
	if err := json.Unmarshal(answer.Result, result); err != nil {
		return fmt.Errorf("reading the result of %s: %w", method, err)
	}
	return nil
}

// quantity asks for a number.
func (c *Client) quantity(ctx context.Context, method string, params ...any) (*big.Int, error) {
	var text string
	if err := c.Ask(ctx, &text, method, params...); err != nil {
		return nil, err
	}
	return parseQuantity(text)
}

func parseQuantity(text string) (*big.Int, error) {
	digits, ok := strings.CutPrefix(text, "0x")
	n, parsed := new(big.Int).SetString(digits, 16)
	if !ok || !parsed || n.Sign() < 0 {
		return nil, fmt.Errorf("got the quantity %.80q, want 0x and hex digits", text)
	}
	return n, nil
}

func hexText(b []byte) string { return "0x" + hex.EncodeToString(b) }

// Call runs a call without a transaction and returns its output.
func (c *Client) Call(ctx context.Context, to Address, data []byte) ([]byte, error) {
	var text string
	if err := c.Ask(ctx, &text, "eth_call", map[string]string{"to": to.String(), "data": hexText(data)}, "latest"); err != nil {
		return nil, err
	}
	out, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil {
		return nil, fmt.Errorf("reading the output of a call: %w", err)
	}
	return out, nil
}

// Receipt says where a transaction is.
type Receipt struct {
	Hash    string
	Block   uint64
	GasUsed uint64
}

// pollPause is how often [Client.Wait] asks: four times in a block of 400 ms.
const pollPause = 100 * time.Millisecond

// Wait returns once the transaction is in a block: [ErrFailed] if it failed there.
func (c *Client) Wait(ctx context.Context, hash string) (Receipt, error) {
	tick := time.NewTicker(pollPause)
	defer tick.Stop()
	for {
		var r *struct {
			Status      string `json:"status"`
			BlockNumber string `json:"blockNumber"`
			GasUsed     string `json:"gasUsed"`
		}
		if err := c.Ask(ctx, &r, "eth_getTransactionReceipt", hash); err != nil {
			return Receipt{}, err
		}
		if r != nil {
			block, err := parseQuantity(r.BlockNumber)
			if err != nil {
				return Receipt{}, err
			}
			used, err := parseQuantity(r.GasUsed)
			if err != nil {
				return Receipt{}, err
			}
			out := Receipt{hash, block.Uint64(), used.Uint64()}
			if r.Status != "0x1" {
				return out, fmt.Errorf("%w in block %d: %s", ErrFailed, out.Block, hash)
			}
			return out, nil
		}
		select {
		case <-ctx.Done():
			return Receipt{}, fmt.Errorf("waiting for %s: %w", hash, ctx.Err())
		case <-tick.C:
		}
	}
}
