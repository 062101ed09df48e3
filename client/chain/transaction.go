package chain

import (
	"context"
	"fmt"
	"math/big"
)

// Transaction is one of EIP-1559's type, without an access list.
type Transaction struct {
	ChainID, Nonce, Tip, FeeCap, Gas *big.Int
	To                               Address
	Value                            *big.Int
	Data                             []byte
}

// transactionType is EIP-1559's.
const transactionType = 0x02

// Sign returns the transaction as the network takes it, and its hash.
func (t *Transaction) Sign(k *Key) (raw []byte, hash [32]byte) {
	fields := [][]byte{
		integer(t.ChainID), integer(t.Nonce), integer(t.Tip), integer(t.FeeCap), integer(t.Gas),
		bytesItem(t.To[:]), integer(t.Value), bytesItem(t.Data), list(),
	}
	sig := k.Sign(Keccak256([]byte{transactionType}, list(fields...)))
	fields = append(fields, integer(big.NewInt(int64(sig[64]-27))), integer(new(big.Int).SetBytes(sig[:32])), integer(new(big.Int).SetBytes(sig[32:64])))
	raw = append([]byte{transactionType}, list(fields...)...)
	return raw, Keccak256(raw)
}

// Send signs a call of to with data and hands it to the node, with the gas that
// the node estimates and a fifth, and returns its hash. [Client.Wait] waits for it.
func (c *Client) Send(ctx context.Context, k *Key, to Address, data []byte) (string, error) {
	t := &Transaction{To: to, Value: new(big.Int), Data: data}
	call := map[string]string{"from": k.Address().String(), "to": to.String(), "data": hexText(data)}
	var err error
	for _, ask := range []struct {
		into   **big.Int
		method string
		params []any
	}{
		{&t.ChainID, "eth_chainId", nil},
		{&t.Nonce, "eth_getTransactionCount", []any{k.Address().String(), "pending"}},
		{&t.Tip, "eth_maxPriorityFeePerGas", nil},
		{&t.Gas, "eth_estimateGas", []any{call}},
	} {
		if *ask.into, err = c.quantity(ctx, ask.method, ask.params...); err != nil {
			return "", err
		}
	}
	t.Gas.Div(t.Gas.Mul(t.Gas, big.NewInt(6)), big.NewInt(5))
	base, err := c.baseFee(ctx)
	if err != nil {
		return "", err
	}
	t.FeeCap = base.Lsh(base, 1)
	t.FeeCap.Add(t.FeeCap, t.Tip)
	raw, hash := t.Sign(k)
	var sent string
	if err := c.Ask(ctx, &sent, "eth_sendRawTransaction", hexText(raw)); err != nil {
		return "", err
	}
	if want := hexText(hash[:]); sent != want {
		return "", fmt.Errorf("the node says that the transaction is %s, want %s", sent, want)
	}
	return sent, nil
}

// baseFee is that of the newest block, in wei a gas.
func (c *Client) baseFee(ctx context.Context) (*big.Int, error) {
	var block struct {
		BaseFee string `json:"baseFeePerGas"`
	}
	if err := c.Ask(ctx, &block, "eth_getBlockByNumber", "latest", false); err != nil {
		return nil, err
	}
	return parseQuantity(block.BaseFee)
}

// RLP as the Yellow Paper's appendix B has it.

func integer(n *big.Int) []byte { return bytesItem(n.Bytes()) }

func bytesItem(b []byte) []byte {
	if len(b) == 1 && b[0] < 0x80 {
		return []byte{b[0]}
	}
	return append(head(0x80, len(b)), b...)
}

func list(items ...[]byte) []byte {
	var body []byte
	for _, i := range items {
		body = append(body, i...)
	}
	return append(head(0xc0, len(body)), body...)
}

func head(base byte, length int) []byte {
	if length < 56 {
		return []byte{base + byte(length)}
	}
	size := big.NewInt(int64(length)).Bytes()
	return append([]byte{base + 55 + byte(len(size))}, size...)
}
