// Package daemon is the session node of one person: link, store, delivery and
// the local API in one [Daemon]. Command sessiond runs it alone; parsd runs the
// same inside its own process:
//
//	d, err := daemon.Start(ctx, daemon.Config{
//		Network: params.Dev,
//		DataDir: filepath.Join(datadir, "session"),
//		Listen:  []string{"/ip4/127.0.0.1/tcp/0"},
//		PersistentNodeKey: true,
//		Logger:  logger,
//	})
//	...
//	fmt.Println(d.Multiaddrs()) // each can be given to another's --bootstrap
//	defer d.Close()
//
// Start returns when the node listens and its API answers; it does not wait for
// peers. After Close, or when something below fails for good, Done is closed and
// Err says why.
//
// A light node takes a fresh link key at every start, so that its peer id follows
// nobody. Nodes that others name in --bootstrap, and validators, set
// PersistentNodeKey.
package daemon
