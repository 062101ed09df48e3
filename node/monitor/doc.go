// Package monitor is the node's port for those who watch it: /healthz, /readyz
// and /metrics. What healthy and ready mean is in checks.go, as functions of
// [Facts]; the node gathers those.
package monitor
