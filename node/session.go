package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/pars-network/pars/node/datadir"
	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/session/daemon"
)

// maxSocketPath is the longest path of a unix socket that every system takes,
// in bytes.
const maxSocketPath = 100

// startSession runs the session node of this process in its own folder below
// the data folder. It is the same as sessiond's: parsctl talks to it through
// the socket it returns.
func startSession(ctx context.Context, folder *datadir.Folder, network params.Network, listen netip.AddrPort, bootstrap []string, keepKey bool, log *slog.Logger) (d *daemon.Daemon, cleanUp func() error, err error) {
	family := "ip4"
	if listen.Addr().Is6() {
		family = "ip6"
	}
	socket, cleanUp, err := socketPath(folder.Path(datadir.SessionFolder, "api.sock"))
	if err != nil {
		return nil, nil, err
	}
	d, err = daemon.Start(ctx, daemon.Config{
		Network:           network,
		DataDir:           folder.Path(datadir.SessionFolder),
		Listen:            []string{fmt.Sprintf("/%s/%s/tcp/%d", family, listen.Addr(), listen.Port())},
		Bootstrap:         bootstrap,
		PersistentNodeKey: keepKey,
		APISocket:         socket,
		Logger:            log,
	})
	if err != nil {
		if errors.Is(err, daemon.ErrConfig) {
			err = Usage(err)
		}
		return nil, nil, errors.Join(fmt.Errorf("session node: %w", err), cleanUp())
	}
	return d, cleanUp, nil
}

// socketPath returns wanted if a socket can have that path, else one in a
// temporary folder that cleanUp removes.
func socketPath(wanted string) (path string, cleanUp func() error, err error) {
	if len(wanted) <= maxSocketPath {
		return wanted, func() error { return nil }, nil
	}
	dir, err := os.MkdirTemp("", "parsd-")
	if err != nil {
		return "", nil, fmt.Errorf("making a folder for the session API's socket: %w", err)
	}
	return filepath.Join(dir, "api.sock"), func() error { return os.RemoveAll(dir) }, nil
}
