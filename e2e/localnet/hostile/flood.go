package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/message"
	"github.com/ava-labs/avalanchego/network/p2p"
	"github.com/ava-labs/avalanchego/network/p2p/gossip"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/evm/engine"
)

// Sizes in bytes.
const (
	gossipBytes = 64 << 10  // of transactions in a message
	largeTx     = 100 << 10 // below a pool's limit
	oversizedTx = 200 << 10 // above it
)

// Flood is what was sent.
type Flood struct {
	Messages uint64  `json:"messages"`
	Bytes    uint64  `json:"bytes"`
	Seconds  float64 `json:"seconds"`
}

// flood sends messages of a kind to all peers, as fast as they are taken, for
// the given time: first packs different ones, then those over and over.
func (s *saboteur) flood(ctx context.Context, kind string, packs int, long time.Duration) (Flood, error) {
	m, err := s.moment(ctx)
	if err != nil {
		return Flood{}, err
	}
	var made []*message.OutboundMessage
	if slices.Contains(txKinds, kind) {
		made, err = s.txMessages(m, kind, packs)
	} else {
		made, err = s.junkMessages(kind, packs)
	}
	if err != nil {
		return Flood{}, err
	}
	var f Flood
	began := time.Now()
	for i := 0; (time.Since(began) < long || i < len(made)) && ctx.Err() == nil; i++ {
		one := made[i%len(made)]
		n, err := s.wire.send(one, nil, m.others()...)
		if err != nil {
			return f, err
		}
		f.Messages += uint64(n)
		f.Bytes += uint64(n) * uint64(len(one.Bytes))
		if n < len(m.others()) { // a queue is full; let it drain a little
			time.Sleep(time.Millisecond)
		}
		if n == 0 {
			i-- // the peers read slowly, but each message goes to somebody
		}
	}
	f.Seconds = time.Since(began).Seconds()
	return f, nil
}

// txKinds are floods of transactions.
var txKinds = []string{"signature", "funds", "gaps", "oversized", "type", "stale"}

// txMessages makes gossip of transactions that are wrong in the way of kind.
func (s *saboteur) txMessages(m moment, kind string, packs int) ([]*message.OutboundMessage, error) {
	var out []*message.OutboundMessage
	serial := uint64(0)
	for range packs {
		var batch [][]byte
		for size := 0; size < gossipBytes; {
			tx, err := s.badTx(m, kind, serial)
			if err != nil {
				return nil, err
			}
			serial++
			raw, err := tx.MarshalBinary()
			if err != nil {
				return nil, err
			}
			batch = append(batch, raw)
			size += len(raw)
		}
		body, err := gossip.MarshalAppGossip(batch)
		if err != nil {
			return nil, err
		}
		one, err := s.wire.AppGossip(s.sctx.ChainID, p2p.PrefixMessage(p2p.ProtocolPrefix(p2p.TxGossipHandlerID), body))
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// badTx makes one transaction; serial keeps them apart.
func (s *saboteur) badTx(m moment, kind string, serial uint64) (*types.Transaction, error) {
	id := new(big.Int).SetUint64(uint64(s.sctx.NetworkID))
	signer := types.LatestSignerForChainID(id)
	fee := big.NewInt(1_000_000_000_000)
	sign := func(key *ecdsa.PrivateKey, nonce uint64, gas uint64, data []byte) (*types.Transaction, error) {
		to := s.purseAddress()
		return types.SignNewTx(key, signer, &types.DynamicFeeTx{ChainID: id, Nonce: nonce, Gas: gas, To: &to, Data: data, GasTipCap: fee, GasFeeCap: fee})
	}
	switch kind {
	case "signature": // an S that is no scalar of the group
		to := s.purseAddress()
		return types.NewTx(&types.DynamicFeeTx{
			ChainID: id, Nonce: serial, Gas: 21_000, To: &to, GasTipCap: fee, GasFeeCap: fee,
			V: new(big.Int), R: big.NewInt(1), S: new(big.Int).Add(crypto.S256().Params().N, new(big.Int).SetUint64(serial)),
		}), nil
	case "funds":
		key, err := crypto.GenerateKey()
		if err != nil {
			return nil, err
		}
		return sign(key, serial, 21_000, nil)
	case "gaps": // paid for, but never includable: the largest there are
		st, err := s.vm.BlockChain().StateAt(m.parent.Root)
		if err != nil {
			return nil, err
		}
		return sign(s.purse, st.GetNonce(s.purseAddress())+10+serial, 2_000_000, junk(largeTx))
	case "oversized":
		return sign(s.purse, serial, 30_000_000, junk(oversizedTx))
	case "type":
		return types.NewTx(&types.BlobTx{Nonce: serial}), nil
	case "stale": // used nonces of an account with a history
		return sign(s.purse, 0, 21_000, binary.BigEndian.AppendUint64(nil, serial))
	}
	return nil, fmt.Errorf("got kind %q of transactions, want one of %v", kind, txKinds)
}

func junk(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.Read(b) // never fails
	return b
}

// junkKinds are floods of bytes that mean nothing.
var junkKinds = []string{"query", "gossip", "request", "answers", "blocks"}

// junkMessages makes messages of random bytes.
func (s *saboteur) junkMessages(kind string, packs int) ([]*message.OutboundMessage, error) {
	if !slices.Contains(junkKinds, kind) {
		return nil, fmt.Errorf("got kind %q, want one of %v or %v", kind, txKinds, junkKinds)
	}
	w, chainID := s.wire, s.sctx.ChainID
	var out []*message.OutboundMessage
	for i := range packs {
		// From nothing over a few bytes to a mebibyte.
		size := 0
		if i > 0 {
			size = 1 << min(3*i-1, 20) // 4 bytes to 1 MiB
		}
		b := junk(size)
		var one []*message.OutboundMessage
		var err error
		add := func(m *message.OutboundMessage, e error) {
			if err == nil && e == nil {
				one = append(one, m)
			} else if err == nil {
				err = e
			}
		}
		switch kind {
		case "query":
			add(w.PushQuery(chainID, w.request.Add(1), answerTime, b, uint64(i)))
		case "gossip":
			add(w.AppGossip(chainID, b))
			add(w.AppGossip(chainID, p2p.PrefixMessage(p2p.ProtocolPrefix(p2p.TxGossipHandlerID), b)))
		case "request":
			add(w.AppRequest(chainID, w.request.Add(1), answerTime, b))
			add(w.AppRequest(chainID, w.request.Add(1), answerTime, p2p.PrefixMessage(p2p.ProtocolPrefix(p2p.TxGossipHandlerID), b)))
		case "answers": // that nobody asked for
			id := ids.ID(crypto.Keccak256Hash(b))
			add(w.AppResponse(chainID, w.request.Add(1), b))
			add(w.AppError(chainID, w.request.Add(1), int32(i), id.Hex()))
			add(w.Put(chainID, w.request.Add(1), b))
			add(w.Ancestors(chainID, w.request.Add(1), [][]byte{b, nil, b[:len(b)/2]}))
			add(w.Chits(chainID, w.request.Add(1), id, id, id, 1<<40))
		case "blocks": // a real block's form around nothing
			add(s.hollow(i))
		}
		if err != nil {
			return nil, err
		}
		out = append(out, one...)
	}
	return out, nil
}

// hollow makes a query for a block that reads well, with unknown ancestors: one
// of every few hundred kilobytes.
func (s *saboteur) hollow(i int) (*message.OutboundMessage, error) {
	m := moment{parent: s.vm.Preferred()}
	b, err := s.make(m, engine.EarliestMs(m.parentMs(), 0), variant(i), false)
	if err != nil {
		return nil, err
	}
	h := b.Header()
	h.ParentHash[0] ^= byte(i + 1)
	h.Number.Add(h.Number, big.NewInt(int64(i)))
	if b, err = s.seal(b.WithSeal(h)); err != nil {
		return nil, err
	}
	raw, err := encode(b)
	if err != nil {
		return nil, err
	}
	return s.wire.PushQuery(s.sctx.ChainID, s.wire.request.Add(1), answerTime, raw, b.NumberU64())
}
