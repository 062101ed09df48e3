package api

import (
	"errors"
	"os"
	"path/filepath"
)

// DefaultDataDir returns the data folder that sessiond and parsctl use when they
// are told no other: .pars/session in the home folder.
func DefaultDataDir() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("the home folder is unknown; give --datadir")
	}
	return filepath.Join(home, ".pars", "session"), nil
}

// Socket returns the API socket of the daemon in a data folder.
func Socket(datadir string) string { return filepath.Join(datadir, "api.sock") }

// TokenFile returns the file with the bearer token for the API on loopback.
func TokenFile(datadir string) string { return filepath.Join(datadir, "api.token") }
