package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/spf13/pflag"

	"github.com/pars-network/pars/node/config"
)

// handoverKey is the member of the chain's configuration that holds a [handover].
const handoverKey = "plugin"

// handover is what a chain in a process of its own is told beside the chain's
// own configuration: the member "plugin" of the same JSON object. Operators of
// an AvalancheGo of their own write it by hand.
type handover struct {
	// Settings are those of JSON-RPC and logs, by their names in the settings
	// file: {"http.port": "8545"}.
	Settings map[string]string `json:"settings,omitempty"`
	// Session is the multiaddrs of the session node beside the chain.
	Session []string `json:"session,omitempty"`
	// LogsDir is where the chain's log file goes; empty means that the engine
	// writes it. EngineLevel is its least level.
	LogsDir     string `json:"logsDir,omitempty"`
	EngineLevel string `json:"engineLevel,omitempty"`
}

// handedOver reports whether a setting is the chain process's concern.
func handedOver(name string) bool {
	for _, prefix := range []string{"http.", "ws.", "rpc.", "log."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// newHandover passes on what of s the chain's process needs; at is where it
// shall serve JSON-RPC.
func newHandover(s Settings, at netip.AddrPort) handover {
	var c Settings
	flags := c.Flags(Run)
	c = s // after Flags, which sets defaults
	c.HTTPAddr, c.HTTPPort = at.Addr().String(), at.Port()
	h := handover{Settings: map[string]string{}}
	flags.VisitAll(func(f *pflag.Flag) {
		if !handedOver(f.Name) {
			return
		}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			// None of these lists has commas in its members: hosts and origins.
			h.Settings[f.Name] = strings.Join(list.GetSlice(), ",")
			return
		}
		h.Settings[f.Name] = f.Value.String()
	})
	return h
}

// settings returns the settings and where JSON-RPC shall be served.
func (h handover) settings() (Settings, netip.AddrPort, error) {
	var s Settings
	var environ []string
	for name, value := range h.Settings {
		if !handedOver(name) {
			return Settings{}, netip.AddrPort{}, Usage(fmt.Errorf("the chain's configuration, %s.settings: %q isn't read there, want a setting of http, ws, rpc or log", handoverKey, name))
		}
		environ = append(environ, config.Variable(name)+"="+value)
	}
	if _, err := config.Load(s.Flags(Run), SettingNames(), config.Source{Environ: environ}); err != nil {
		return Settings{}, netip.AddrPort{}, Usage(fmt.Errorf("the chain's configuration, %s.settings: %w", handoverKey, err))
	}
	s.StakingAddr = "127.0.0.1" // peers are the engine's business
	at, err := s.resolve(Run)
	if err != nil {
		return Settings{}, netip.AddrPort{}, fmt.Errorf("the chain's configuration, %s.settings: %w", handoverKey, err)
	}
	return s, at.http, nil
}

// give adds the hand-over to a chain configuration.
func (h handover) give(chainConfig []byte) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(chainConfig, &members); err != nil {
		return nil, err
	}
	if members == nil { // JSON null
		members = map[string]json.RawMessage{}
	}
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	members[handoverKey] = text
	return json.Marshal(members)
}

// takeHandover parts what give put together. Without the member, everything has
// its default.
func takeHandover(text []byte) (handover, []byte, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return handover{}, text, nil
	}
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &members); err != nil {
		return handover{}, nil, fmt.Errorf("reading the chain's configuration: %w", err)
	}
	own, ok := members[handoverKey]
	if !ok {
		return handover{}, text, nil
	}
	delete(members, handoverKey)
	var h handover
	dec := json.NewDecoder(bytes.NewReader(own))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&h); err != nil {
		return handover{}, nil, fmt.Errorf("reading %q of the chain's configuration: %w", handoverKey, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return handover{}, nil, fmt.Errorf("reading %q of the chain's configuration: text after the object", handoverKey)
	}
	rest, err := json.Marshal(members)
	return h, rest, err
}
