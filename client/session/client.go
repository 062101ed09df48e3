// Package session is the Go client of a session daemon's local API: the
// Connect clients of package api over the daemon's unix socket, or over loopback
// with its bearer token.
//
//	c, err := session.Dial(session.Config{DataDir: dir})
//	status, err := c.Node.GetStatus(ctx, connect.NewRequest(&api.GetStatusRequest{}))
package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"connectrpc.com/connect"
	"github.com/pars-network/pars/session/api"
	"github.com/pars-network/pars/session/api/apiconnect"
)

// ErrUnreachable reports that no daemon answers at the address.
var ErrUnreachable = errors.New("sessiond does not answer")

// Config says where the daemon is. The zero value means the default data folder.
type Config struct {
	// DataDir is the daemon's data folder; empty means [api.DefaultDataDir].
	DataDir string
	// Address is the path of the API's socket, or host:port of the API on
	// loopback; empty means the socket in DataDir.
	Address string
}

// Client talks to one daemon. It is safe for concurrent use.
type Client struct {
	Node     apiconnect.NodeServiceClient
	Identity apiconnect.IdentityServiceClient
	Contacts apiconnect.ContactServiceClient
	Messages apiconnect.MessageServiceClient
	Spaces   apiconnect.SpaceServiceClient
	Services apiconnect.ServiceNodeServiceClient
	Groups   apiconnect.GroupServiceClient
	// Conversations are texts with what was said about them since.
	Conversations apiconnect.ConversationServiceClient
	Vault         apiconnect.VaultServiceClient

	address string
	http    *http.Client
}

// Dial prepares a client. It does not connect yet: the first call does.
func Dial(cfg Config) (*Client, error) {
	if cfg.DataDir == "" {
		dir, err := api.DefaultDataDir()
		if err != nil {
			return nil, err
		}
		cfg.DataDir = dir
	}
	if cfg.Address == "" {
		cfg.Address = api.Socket(cfg.DataDir)
	}
	c := &Client{address: cfg.Address}
	transport := &http.Transport{}
	c.http = &http.Client{Transport: transport}
	base := "http://localhost"
	if _, _, err := net.SplitHostPort(cfg.Address); err == nil && !strings.ContainsAny(cfg.Address, `/\`) {
		token, err := os.ReadFile(api.TokenFile(cfg.DataDir))
		if err != nil {
			return nil, fmt.Errorf("reading the API token: %w; was sessiond started with --http, and is --datadir right?", err)
		}
		base = "http://" + cfg.Address
		c.http.Transport = bearer{token: strings.TrimSpace(string(token)), next: transport}
	} else {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", cfg.Address)
		}
	}
	opts := connect.WithInterceptors(unreachable{cfg.Address})
	c.Node = apiconnect.NewNodeServiceClient(c.http, base, opts)
	c.Identity = apiconnect.NewIdentityServiceClient(c.http, base, opts)
	c.Contacts = apiconnect.NewContactServiceClient(c.http, base, opts)
	c.Messages = apiconnect.NewMessageServiceClient(c.http, base, opts)
	c.Spaces = apiconnect.NewSpaceServiceClient(c.http, base, opts)
	c.Services = apiconnect.NewServiceNodeServiceClient(c.http, base, opts)
	c.Groups = apiconnect.NewGroupServiceClient(c.http, base, opts)
	c.Conversations = apiconnect.NewConversationServiceClient(c.http, base, opts)
	c.Vault = apiconnect.NewVaultServiceClient(c.http, base, opts)
	return c, nil
}

// Address returns where the daemon is expected.
func (c *Client) Address() string { return c.address }

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// bearer adds the token to each request.
type bearer struct {
	token string
	next  http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(r)
}

// unreachable turns a failed connection into [ErrUnreachable].
type unreachable struct{ address string }

func (u unreachable) explain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fmt.Errorf("%w at %s: %w", ErrUnreachable, u.address, err)
	}
	return err
}

// WrapUnary implements [connect.Interceptor].
func (u unreachable) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
		res, err := next(ctx, r)
		return res, u.explain(err)
	}
}

// WrapStreamingClient implements [connect.Interceptor].
func (u unreachable) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		return explainingConn{next(ctx, spec), u}
	}
}

// WrapStreamingHandler implements [connect.Interceptor].
func (unreachable) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

type explainingConn struct {
	connect.StreamingClientConn
	u unreachable
}

// Send implements [connect.StreamingClientConn].
func (c explainingConn) Send(m any) error { return c.u.explain(c.StreamingClientConn.Send(m)) }

// Receive implements [connect.StreamingClientConn].
func (c explainingConn) Receive(m any) error { return c.u.explain(c.StreamingClientConn.Receive(m)) }
