package load

import (
	"context"
	"crypto/ecdsa"
	"encoding/binary"
	"fmt"
	"math/big"
	"net/url"
	"strings"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/evm/genesis"
)

// transferGas is what a plain transfer uses.
const transferGas = 21_000

// sender is an account that hands in transactions. It is for one goroutine.
type sender struct {
	key   *ecdsa.PrivateKey
	addr  common.Address
	nonce uint64
}

// newSenders derives n keys, and that of the account that pays for them.
func newSenders(seed string, n int) (payer *sender, senders []*sender, err error) {
	dev, err := genesis.DevAccounts()
	if err != nil {
		return nil, nil, fmt.Errorf("deriving the development accounts: %w", err)
	}
	for i := range n {
		var key *ecdsa.PrivateKey
		switch {
		case seed == "" && i < len(dev):
			key, err = crypto.ToECDSA(dev[i].PrivateKey[:])
		case seed == "":
			key, err = derive("pars/load", i)
		default:
			key, err = derive(seed, i)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("deriving key %d: %w", i, err)
		}
		senders = append(senders, newSender(key))
	}
	key, err := crypto.ToECDSA(dev[0].PrivateKey[:])
	if err != nil {
		return nil, nil, fmt.Errorf("deriving the payer's key: %w", err)
	}
	return newSender(key), senders, nil
}

// derive makes key i of a seed. The keys protect nothing but test money.
func derive(seed string, i int) (*ecdsa.PrivateKey, error) {
	return crypto.ToECDSA(crypto.Keccak256([]byte("pars/load/key"), []byte(seed), binary.BigEndian.AppendUint64(nil, uint64(i))))
}

func newSender(key *ecdsa.PrivateKey) *sender {
	return &sender{key: key, addr: crypto.PubkeyToAddress(key.PublicKey)}
}

// transfer signs the sender's next transfer of 1 wei, or of value, to an address.
func (s *sender) transfer(signer types.Signer, c Config, to common.Address, value *big.Int) (*types.Transaction, error) {
	tx, err := types.SignNewTx(s.key, signer, &types.DynamicFeeTx{
		ChainID: signer.ChainID(), Nonce: s.nonce, Gas: transferGas,
		GasTipCap: c.Tip, GasFeeCap: c.FeeCap, To: &to, Value: value,
	})
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	s.nonce++
	return tx, nil
}

// prepare reads the senders' nonces and sees to it that each can pay for txs
// transfers, by transfers from payer where needed.
func prepare(ctx context.Context, n *node, c Config, payer *sender, senders []*sender, txs int64) error {
	need := new(big.Int).Mul(c.FeeCap, big.NewInt(transferGas))
	need.Add(need, big.NewInt(1))
	need.Mul(need, big.NewInt(txs))
	var err error
	if payer.nonce, err = n.http.PendingNonceAt(ctx, payer.addr); err != nil {
		return fmt.Errorf("reading the payer's nonce: %w", err)
	}
	var paid []*types.Transaction
	for _, s := range senders {
		balance, err := n.http.BalanceAt(ctx, s.addr, nil)
		if err != nil {
			return fmt.Errorf("reading the balance of %v: %w", s.addr, err)
		}
		if balance.Cmp(need) >= 0 || s.addr == payer.addr {
			continue
		}
		tx, err := payer.transfer(n.signer, c, s.addr, need)
		if err != nil {
			return err
		}
		if err := n.http.SendTransaction(ctx, tx); err != nil {
			return fmt.Errorf("paying %v from %v: %w", s.addr, payer.addr, err)
		}
		paid = append(paid, tx)
	}
	if len(paid) > 0 {
		c.Progress("paying for %d accounts from %v", len(paid), payer.addr)
		if err := n.wait(ctx, paid); err != nil {
			return fmt.Errorf("waiting for the accounts' money: %w", err)
		}
	}
	for _, s := range senders {
		if s.nonce, err = n.http.PendingNonceAt(ctx, s.addr); err != nil {
			return fmt.Errorf("reading the nonce of %v: %w", s.addr, err)
		}
	}
	return nil
}

// webSocketOf returns an HTTP address with the scheme of WebSocket.
func webSocketOf(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("address %q: %w", address, err)
	}
	switch strings.ToLower(u.Scheme) {
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	default:
		return "", fmt.Errorf("address %q: got scheme %q, want http or https", address, u.Scheme)
	}
	return u.String(), nil
}
