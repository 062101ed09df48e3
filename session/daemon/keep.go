package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/pars-network/pars/session/vault"
)

// keepEvery is how often the clock is looked at for what is due: ephemeral records
// and the deadline.
const keepEvery = time.Minute

var (
	errWiped  = errors.New("the vault was wiped")
	errMissed = errors.New("the deadline passed without a sign of life; the keys were destroyed")
)

// keep erases what is due, until ctx ends.
func (d *Daemon) keep(ctx context.Context) {
	for {
		if d.store.Region().Missed() {
			scope := vault.ScopeThis
			if d.store.Region().Deadline().All {
				scope = vault.ScopeAll
			}
			d.end(errors.Join(errMissed, d.store.Region().Destroy(scope)))
			return
		}
		if n, err := d.store.Sweep(d.cfg.Clock.Now()); err != nil {
			d.cfg.Logger.Error("ephemeral records could not be erased", "error", err)
		} else if n > 0 {
			d.cfg.Logger.Debug("ephemeral records were erased", "records", n)
		}
		select {
		case <-ctx.Done():
			return
		case <-d.cfg.Clock.After(keepEvery):
		}
	}
}

// end asks the daemon to stop with an error, and does not wait for it.
func (d *Daemon) end(cause error) {
	select {
	case d.ending <- cause:
	default:
	}
}
