package localnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/pars-network/pars/node"
	"github.com/pars-network/pars/node/datadir"
)

// controlFile is the socket in a network's folder at which a running network
// takes orders. Whoever may open the folder may give them.
const controlFile = "control"

// One order is one connection: a line of JSON each way, of at most maxOrder
// bytes, within orderTime.
const (
	maxOrder  = 16 << 10
	orderTime = 5 * time.Second
)

// order is what a network can be told while it runs.
type order struct {
	Cut Cut `json:"cut"`
}

// outcome answers an order.
type outcome struct {
	// Error says why nothing was done; empty if it was done.
	Error string `json:"error,omitempty"`
}

// control takes orders.
type control struct {
	listener net.Listener
	obey     func(order) error
	wg       sync.WaitGroup
}

// newControl listens in the folder dir.
func newControl(ctx context.Context, dir string, obey func(order) error) (*control, error) {
	// What a killed process left behind; nobody else listens, since the folder
	// is locked.
	if err := os.Remove(filepath.Join(dir, controlFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", datadir.ErrUnusable, err)
	}
	var l net.Listener
	err := viaShortPath(dir, func(path string) (err error) {
		l, err = new(net.ListenConfig).Listen(ctx, "unix", path)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w: listening for orders: %w", datadir.ErrUnusable, err)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // the path it knows may mean another file by then
	}
	c := &control{listener: l, obey: obey}
	c.wg.Go(c.serve)
	return c, nil
}

// viaShortPath calls use with a path of the socket that fits into a socket's
// address, 108 bytes, however deep the folder is.
func viaShortPath(dir string, use func(path string) error) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return use("/proc/self/fd/" + strconv.Itoa(int(d.Fd())) + "/" + controlFile)
}

func (c *control) serve() {
	for {
		conn, err := c.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		// One after the other: orders are rare, and each is bounded in time.
		c.answer(conn)
	}
}

func (c *control) answer(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	if conn.SetDeadline(time.Now().Add(orderTime)) != nil {
		return
	}
	var o order
	var done outcome
	dec := json.NewDecoder(io.LimitReader(conn, maxOrder))
	dec.DisallowUnknownFields()
	err := dec.Decode(&o)
	if err == nil {
		err = c.obey(o)
	}
	if err != nil {
		done.Error = err.Error()
	}
	// Who gave the order may have gone.
	_ = json.NewEncoder(conn).Encode(done)
}

func (c *control) close(dir string) error {
	err := c.listener.Close()
	c.wg.Wait()
	if gone := os.Remove(filepath.Join(dir, controlFile)); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

// Divide cuts the network that runs in the folder dir into groups, or with an
// empty cut heals it. When it returns, no packet sets out from one group to
// another any more; those on their way still arrive.
func Divide(ctx context.Context, dir string, c Cut) error {
	if _, err := os.Stat(filepath.Join(dir, controlFile)); err != nil {
		return node.Usage(fmt.Errorf("no network with links that can be cut runs in %q: %w; name its folder with --datadir, and start it with --cuttable, --delay, --loss or --regions", dir, err))
	}
	ctx, cancel := context.WithTimeout(ctx, orderTime)
	defer cancel()
	var conn net.Conn
	err := viaShortPath(dir, func(path string) (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, "unix", path)
		return err
	})
	if err != nil {
		return node.Usage(fmt.Errorf("no network runs in %s any more: %w", dir, err))
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(conn).Encode(order{Cut: c}); err != nil {
		return fmt.Errorf("giving an order to the network in %s: %w", dir, err)
	}
	var done outcome
	if err := json.NewDecoder(io.LimitReader(conn, maxOrder)).Decode(&done); err != nil {
		return fmt.Errorf("hearing from the network in %s: %w", dir, err)
	}
	if done.Error != "" {
		return node.Usage(errors.New(done.Error))
	}
	return nil
}
