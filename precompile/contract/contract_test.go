package contract_test

import (
	"strings"
	"testing"

	"github.com/pars-network/pars/precompile/contract"
)

func TestNewRefusesAMismatchOfABIAndBodies(t *testing.T) {
	const one = `[{"type":"function","name":"one","stateMutability":"pure","inputs":[],"outputs":[]}]`
	body := func(*contract.Call) ([]any, error) { return nil, nil }
	for _, c := range []struct {
		name, abi string
		bodies    map[string]contract.Function
		want      string
	}{
		{"no JSON", "{", nil, "reading ABI"},
		{"a function without body", one, nil, "one(), which has no body"},
		{"a body without function", one, map[string]contract.Function{"one()": body, "two()": body}, "2 bodies for the 1 functions"},
	} {
		_, err := contract.New(contract.Config{Name: "T", ABI: []byte(c.abi), Functions: c.bodies})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: New = %v, want an error with %q", c.name, err, c.want)
		}
	}
	if _, err := contract.New(contract.Config{Name: "T", ABI: []byte(one), Functions: map[string]contract.Function{"one()": body}}); err != nil {
		t.Errorf("New = %v, want a contract", err)
	}
}
