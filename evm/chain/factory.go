package chain

import (
	"github.com/ava-labs/avalanchego/utils/logging"
	"github.com/ava-labs/avalanchego/vms"

	"github.com/pars-network/pars/evm/genesis"
)

// ID is the virtual machine's id at the P-Chain.
var ID = genesis.VMID

var _ vms.Factory = (*Factory)(nil)

// Factory makes VMs inside the node's process. For a process of its own, hand
// rpcchainvm.Serve a zero [VM] instead.
type Factory struct {
	// Clock is the system's if nil.
	Clock Clock
	// OnReady, if set, is called at the end of each VM's Initialize, before the
	// engine uses it. JSON-RPC starts here.
	OnReady func(*VM)
}

// New returns a VM to initialize.
func (f *Factory) New(logging.Logger) (any, error) {
	return &VM{Clock: f.Clock, onReady: f.OnReady}, nil
}
