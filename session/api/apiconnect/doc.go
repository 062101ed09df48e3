// Package apiconnect holds the Connect handlers and clients of the services in
// package api. All else in it is generated.
package apiconnect
