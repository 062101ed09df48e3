// Package api is the local API of the session daemon: the messages of
// session.proto and, in apiconnect, its Connect handlers and clients. All of
// its Go code is generated; change session.proto and run `make generate`.
package api

//go:generate sh -c "cd ../.. && go run ./session/api/protogen ."
