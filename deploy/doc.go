// Package deploy has files for operators: systemd units, and a compose file with
// Prometheus and Grafana. Its only code are tests that hold those files to what
// the programs really do.
package deploy
