package cli

import (
	"errors"
	"fmt"

	"connectrpc.com/connect"
	client "github.com/pars-network/pars/client/session"
)

// Exit codes of parsctl; docs/parsctl.md lists them for people.
const (
	ExitOK          = 0
	ExitError       = 1 // anything else
	ExitUsage       = 2 // wrong flags or arguments, or input that the daemon refuses as malformed
	ExitUnreachable = 3 // no daemon answers
	ExitNotFound    = 4 // no such contact, or no identity or keys yet
	ExitRefused     = 5 // understood and refused: an altered or expired card, a second identity
	ExitFailed      = 6 // the message failed, or somebody cheated in a ceremony
	ExitTimeout     = 7 // not done yet: a message stays queued, a ceremony waits for files
)

// ReasonHeader is the metadata of an API error that names its reason in one
// word, for programs and translations.
const ReasonHeader = "Pars-Reason"

var (
	errUsage   = errors.New("usage")
	errFailed  = errors.New("failed")
	errTimeout = errors.New("timeout")
)

func exitCode(err error) int {
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, errUsage):
		return ExitUsage
	case errors.Is(err, errFailed):
		return ExitFailed
	case errors.Is(err, errTimeout):
		return ExitTimeout
	case errors.Is(err, client.ErrUnreachable):
		return ExitUnreachable
	}
	if code, ok := thresholdExit(err); ok {
		return code
	}
	if code, ok := aiExit(err); ok {
		return code
	}
	if code, ok := chainExit(err); ok {
		return code
	}
	if code, ok := vaultExit(err); ok {
		return code
	}
	switch connect.CodeOf(err) {
	case connect.CodeInvalidArgument, connect.CodeOutOfRange:
		return ExitUsage
	case connect.CodeNotFound:
		return ExitNotFound
	case connect.CodeFailedPrecondition, connect.CodeAlreadyExists, connect.CodePermissionDenied, connect.CodeUnauthenticated, connect.CodeResourceExhausted:
		return ExitRefused
	default:
		return ExitError
	}
}

// explain returns what to tell a person about err.
func (a *app) explain(err error) string {
	if errors.Is(err, client.ErrUnreachable) {
		return a.say(msgUnreachable, a.ltr(a.address()), a.ltr(a.startCommand()))
	}
	if text := a.explainThreshold(err); text != "" {
		return text
	}
	if text := a.explainAI(err); text != "" {
		return text
	}
	if text := a.explainChain(err); text != "" {
		return text
	}
	if text := a.explainVault(err); text != "" {
		return text
	}
	var ce *connect.Error
	if !errors.As(err, &ce) {
		return err.Error()
	}
	if key, ok := reasons[ce.Meta().Get(ReasonHeader)]; ok && a.lang != english {
		return a.say(key) + " (" + a.ltr(ce.Message()) + ")"
	}
	if t, ok := groupReasons[ce.Meta().Get(ReasonHeader)]; ok && a.lang != english {
		return a.tell(t) + " (" + a.ltr(ce.Message()) + ")"
	}
	return ce.Message()
}

func (a *app) startCommand() string {
	if a.datadir == "" {
		return "sessiond"
	}
	return fmt.Sprintf("sessiond --datadir %s", a.datadir)
}
