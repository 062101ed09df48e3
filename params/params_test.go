package params

import "testing"

func TestNetworkLookups(t *testing.T) {
	for _, n := range Networks() {
		byName, err := NetworkByName(n.Name)
		if err != nil || byName != n {
			t.Errorf("NetworkByName(%q) = %+v, %v, want %+v", n.Name, byName, err, n)
		}
		byID, err := NetworkByID(n.ID)
		if err != nil || byID != n {
			t.Errorf("NetworkByID(%d) = %+v, %v, want %+v", n.ID, byID, err, n)
		}
	}
	if _, err := NetworkByName("mars"); err == nil {
		t.Error(`NetworkByName("mars") succeeded, want an error that lists the known names`)
	}
	if _, err := NetworkByID(1); err == nil {
		t.Error("NetworkByID(1) succeeded, want an error")
	}
}

// The mission's table of network parameters (PIP-0000) and the supply rule.
func TestMissionParameters(t *testing.T) {
	for _, c := range []struct {
		network    Network
		id         uint32
		validators int
	}{{Mainnet, 6133, 21}, {Testnet, 6134, 4}, {Dev, 1337, 1}} {
		if c.network.ID != c.id || c.network.ChainID() != uint64(c.id) || c.network.MinValidators != c.validators {
			t.Errorf("%s = %+v, want id %d and at least %d validators", c.network.Name, c.network, c.id, c.validators)
		}
	}
	if got, want := Supply().String(), "1000000000000000000000000000"; got != want {
		t.Errorf("Supply() = %s, want %s wei", got, want)
	}
}
