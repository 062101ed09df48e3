package node

import (
	"errors"

	"github.com/pars-network/pars/node/avalanche"
	"github.com/pars-network/pars/node/config"
	"github.com/pars-network/pars/node/datadir"
	"github.com/pars-network/pars/node/keys"
)

// Code is parsd's exit status. Scripts and service managers may rely on it.
type Code int

// Exit codes, as docs/guide/node.md lists them.
const (
	// CodeOK: what was asked for is done; a node was stopped cleanly.
	CodeOK Code = 0
	// CodeFailure: something failed that no other code names.
	CodeFailure Code = 1
	// CodeUsage: a flag, variable, file or argument is wrong.
	CodeUsage Code = 2
	// CodePort: a port is taken.
	CodePort Code = 3
	// CodeDataFolder: the data folder is foreign, corrupt or can't be written.
	CodeDataFolder Code = 4
	// CodeGenesis: the genesis is invalid, or isn't the folder's.
	CodeGenesis Code = 5
	// CodeInUse: another parsd has the data folder.
	CodeInUse Code = 6
	// CodeLimits: the system allows too little, such as open files.
	CodeLimits Code = 7
	// CodeChain: the chain or the engine died while running.
	CodeChain Code = 8
	// CodeKeys: staking keys are missing, damaged or readable by others.
	CodeKeys Code = 9
	// CodeForced: a second interrupt ended the process before it was done.
	CodeForced Code = 130
)

var (
	// ErrUsage marks a mistake in what the user asked for.
	ErrUsage = errors.New("usage")
	// ErrPort reports a taken port.
	ErrPort = errors.New("port is taken")
	// ErrGenesis reports a genesis that can't be used.
	ErrGenesis = errors.New("invalid genesis")
	// ErrLimits reports a system limit that is too low.
	ErrLimits = errors.New("system limit is too low")
	// ErrChain reports that the chain died.
	ErrChain = errors.New("chain died")
	// ErrForced reports an end without waiting, because the user asked twice.
	ErrForced = errors.New("ended at once")
)

// usageError is a mistake of the user: its text stands alone, without the
// sentinel's word in front.
type usageError struct{ error }

func (usageError) Is(target error) bool { return target == ErrUsage }
func (e usageError) Unwrap() error      { return e.error }

// Usage marks err as the user's mistake, for exit code 2.
func Usage(err error) error { return usageError{err} }

// CodeOf returns the exit code that err ends the process with.
func CodeOf(err error) Code {
	if err == nil {
		return CodeOK
	}
	for _, c := range []struct {
		sentinel error
		code     Code
	}{
		{ErrUsage, CodeUsage},
		{config.ErrUnknown, CodeUsage},
		{ErrPort, CodePort},
		{datadir.ErrInUse, CodeInUse},
		{datadir.ErrOtherGenesis, CodeGenesis},
		{ErrGenesis, CodeGenesis},
		{datadir.ErrForeign, CodeDataFolder},
		{datadir.ErrCorrupt, CodeDataFolder},
		{datadir.ErrOtherNetwork, CodeDataFolder},
		{datadir.ErrUnusable, CodeDataFolder},
		{avalanche.ErrDatabase, CodeDataFolder},
		{keys.ErrExist, CodeKeys},
		{keys.ErrNotExist, CodeKeys},
		{keys.ErrDamaged, CodeKeys},
		{keys.ErrExposed, CodeKeys},
		{ErrLimits, CodeLimits},
		{ErrForced, CodeForced},
		{ErrChain, CodeChain},
		{avalanche.ErrEnded, CodeChain},
	} {
		if errors.Is(err, c.sentinel) {
			return c.code
		}
	}
	return CodeFailure
}
