package node

import (
	"encoding/json"
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/pars-network/pars/evm/chain"
)

func TestHandoverKeepsTheSettingsOfTheChainsProcess(t *testing.T) {
	var want Settings
	want.Flags(Dev)
	want.CORS, want.VHosts, want.WSOrigins = []string{"https://a.example", "*"}, nil, []string{"http://b.example:8080"}
	want.GasCap, want.EVMTimeout, want.TxFeeCap, want.BatchRequests, want.BatchBytes = 7, 1500*time.Millisecond, 0.25, 8, 9
	want.LogLevel, want.LogFormat = "debug", "json"
	at := netip.MustParseAddrPort("127.0.0.2:8546")
	h := newHandover(want, at)
	h.Session, h.LogsDir, h.EngineLevel = []string{"/ip4/127.0.0.1/tcp/9000"}, "/var/log", "info"
	text, err := h.give([]byte(`{"archive":true,"guardDir":"/keys/guard"}`))
	if err != nil {
		t.Fatal(err)
	}
	back, rest, err := takeHandover(text)
	if err != nil || !reflect.DeepEqual(back, h) {
		t.Fatalf("takeHandover = %+v, %v, want %+v", back, err, h)
	}
	c, err := chain.ParseConfig(rest)
	if err != nil || !c.Archive || c.GuardDir != "/keys/guard" {
		t.Errorf("the chain's own configuration = %+v, %v, want it without a change", c, err)
	}
	got, gotAt, err := back.settings()
	if err != nil || gotAt != at {
		t.Fatalf("settings() serves at %s, %v, want %s", gotAt, err, at)
	}
	for name, pair := range map[string][2]any{
		"CORS": {got.CORS, want.CORS}, "WSOrigins": {got.WSOrigins, want.WSOrigins},
		"GasCap": {got.GasCap, want.GasCap}, "EVMTimeout": {got.EVMTimeout, want.EVMTimeout}, "TxFeeCap": {got.TxFeeCap, want.TxFeeCap},
		"BatchRequests": {got.BatchRequests, want.BatchRequests}, "BatchBytes": {got.BatchBytes, want.BatchBytes},
		"LogLevel": {got.LogLevel, want.LogLevel}, "LogFormat": {got.LogFormat, want.LogFormat},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s = %v, want %v", name, pair[0], pair[1])
		}
	}
	if len(got.VHosts) != 0 {
		t.Errorf("VHosts = %q, want none", got.VHosts)
	}
}

func TestHandoverDefaults(t *testing.T) {
	for _, text := range []string{"", " ", "{}", `{"archive":true}`} {
		h, rest, err := takeHandover([]byte(text))
		if err != nil || string(rest) != text {
			t.Errorf("takeHandover(%q) = %+v, %q, %v, want nothing taken", text, h, rest, err)
		}
		if _, at, err := h.settings(); err != nil || at != netip.MustParseAddrPort("127.0.0.1:8545") {
			t.Errorf("%q serves at %s, %v, want 127.0.0.1:8545", text, at, err)
		}
	}
}

func TestHandoverRefusesWhatItDoesNotRead(t *testing.T) {
	for _, text := range []string{`[]`, `{"plugin":7}`, `{"plugin":{"port":1}}`, `{"plugin":{"settings":{"http.port":8545}}}`} {
		if _, _, err := takeHandover([]byte(text)); err == nil {
			t.Errorf("takeHandover(%s) succeeded, want an error", text)
		}
	}
	for name, value := range map[string]string{"http.port": "many", "staking.port": "1", "http.colour": "red", "log.level": "loud"} {
		h := handover{Settings: map[string]string{name: value}}
		if _, _, err := h.settings(); !errors.Is(err, ErrUsage) {
			t.Errorf("%s = %q gives %v, want a usage error", name, value, err)
		}
	}
}

func TestSeriesOfTheChainsProcessKeepTheirNames(t *testing.T) {
	var in []*dto.MetricFamily
	for _, name := range []string{"vm_pars_chain_pars_chain_height", "vm_rpc_pars_rpc_websockets", "process_go_goroutines", "vm_pars_gossip_p2p_peers"} {
		in = append(in, &dto.MetricFamily{Name: &name})
	}
	var got []string
	for _, f := range unprefixed(in) {
		got = append(got, f.GetName())
	}
	if want := []string{"pars_chain_height", "pars_rpc_websockets"}; !reflect.DeepEqual(got, want) {
		t.Errorf("series = %q, want %q", got, want)
	}
}

func FuzzTakeHandover(f *testing.F) {
	f.Add([]byte(`{"archive":true,"plugin":{"settings":{"http.port":"0"},"session":["/ip4/1.2.3.4"],"logsDir":"x","engineLevel":"info"}}`))
	f.Add([]byte(`{"plugin":null}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		h, rest, err := takeHandover(text)
		if err != nil {
			return
		}
		if _, _, err := h.settings(); err != nil {
			return
		}
		if len(rest) == 0 || !json.Valid(rest) {
			return
		}
		again, err := h.give(rest)
		if err != nil {
			return // valid JSON that is no object: the chain refuses it
		}
		if back, _, err := takeHandover(again); err != nil || len(back.Settings) != len(h.Settings) {
			t.Errorf("%q gives %+v, and once more %+v, %v", text, h, back, err)
		}
	})
}
