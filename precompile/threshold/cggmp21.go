package threshold

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"errors"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/crypto"
	"github.com/ava-labs/libevm/params"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/crypto/cggmp21"
	"github.com/pars-network/pars/precompile/contract"
)

//go:embed ICGGMP21.json
var cggmp21ABI []byte

// CGGMP21 is the contract at 0x0801. contracts/src/interfaces/ICGGMP21.sol
// describes it.
var CGGMP21 = contract.MustNew(contract.Config{
	Name: "CGGMP21",
	ABI:  cggmp21ABI,
	Functions: map[string]contract.Function{
		"registerKey(bytes,uint16,address[],bytes32)": registerKey,
		"keyOf(bytes32)": keyOf,
		"commit(bytes32,bytes32,bytes,bytes,bytes)":                               commit,
		"commitmentOf(bytes32,bytes32,address)":                                   commitmentOf,
		"isConsistent(bytes32,bytes32,address[],bytes,bytes[],bytes[])":           isConsistent,
		"checkPartial(bytes32,bytes32,address,bytes,bytes,bytes,bytes32,bytes32)": checkPartial,
		"attestationDigest(bytes32,bytes32,bytes32,bytes32)":                      attestationDigest,
		"blame(bytes32,bytes32,address,bytes,bytes,bytes,bytes32,bytes32,bytes)":  blame,
		"isBlamed(bytes32,address)":                                               isBlamed,
		"verify(bytes32,bytes32,bytes)":                                           verifyKey,
	},
	Stateful: true,
})

// Prices; docs/precompiles/gas.md derives them.
const (
	// ecdsaGas is the price of a verification or a recovery, pointGas of reading
	// a point, equationGas of three multiplications.
	ecdsaGas    = 16_000
	pointGas    = 1_500
	equationGas = 34_000
	// participantGas is the price of reading and keeping a participant.
	participantGas = 40
	// hashGas covers a few short Keccak hashes.
	hashGas = 200
)

// Tags of what is hashed; they stand first, and none is the start of another.
const (
	keyTag         = "pars cggmp21 key v1"
	chunkTag       = "pars cggmp21 account v1"
	commitmentTag  = "pars cggmp21 commitment v1"
	blamedTag      = "pars cggmp21 blamed v1"
	attestationTag = "pars cggmp21 partial v1"
)

// First topics of the events.
var (
	keyRegistered = crypto.Keccak256Hash([]byte("KeyRegistered(bytes32,address,bytes,uint16)"))
	committed     = crypto.Keccak256Hash([]byte("Committed(bytes32,bytes32,address)"))
	blamed        = crypto.Keccak256Hash([]byte("Blamed(bytes32,bytes32,address)"))
)

// set is the value of a slot that only says yes.
var set = common.BytesToHash([]byte{1})

// group is a registered key.
type group struct {
	registrant   common.Address
	threshold    uint16
	publicKey    []byte
	participants []common.Address
}

// bytes is the record that an account of its own keeps as its code, behind a
// STOP: registrant, threshold, public key, participants.
func (g *group) bytes() []byte {
	b := append([]byte{0x00}, g.registrant[:]...)
	b = binary.BigEndian.AppendUint16(b, g.threshold)
	b = append(b, g.publicKey...)
	for _, p := range g.participants {
		b = append(b, p[:]...)
	}
	return b
}

const recordHead = 1 + common.AddressLength + 2 + cggmp21.PointSize

func (g *group) has(account common.Address) bool {
	for _, p := range g.participants {
		if p == account {
			return true
		}
	}
	return false
}

// account is where a key's record is. Nobody has a key or code for it.
func account(id [32]byte) common.Address {
	return common.BytesToAddress(crypto.Keccak256([]byte(chunkTag), id[:]))
}

// load charges for and reads the key with an id.
func load(c *contract.Call, id [32]byte) (*group, error) {
	if err := c.Charge(params.ColdAccountAccessCostEIP2929 + hashGas); err != nil {
		return nil, err
	}
	b := c.Env.ReadOnlyState().GetCode(account(id))
	if len(b) < recordHead {
		return nil, contract.Revert("UnknownKey", id)
	}
	g := &group{registrant: common.BytesToAddress(b[1:21]), threshold: binary.BigEndian.Uint16(b[21:]), publicKey: b[23:recordHead:recordHead]}
	for b = b[recordHead:]; len(b) > 0; b = b[common.AddressLength:] {
		g.participants = append(g.participants, common.BytesToAddress(b[:common.AddressLength]))
	}
	return g, nil
}

// refuseECDSA turns an error of package cggmp21 into a revert.
func refuseECDSA(err error) error {
	if errors.Is(err, cggmp21.ErrEncoding) {
		return contract.Revert("Encoding")
	}
	return err
}

func log(c *contract.Call, data []byte, topics ...common.Hash) error {
	if err := c.Charge(params.LogGas + uint64(len(topics))*params.LogTopicGas + uint64(len(data))*params.LogDataGas); err != nil {
		return err
	}
	c.Env.StateDB().AddLog(&types.Log{
		Address: c.Env.Addresses().Raw.Self, Topics: topics, Data: data, BlockNumber: c.Env.BlockNumber().Uint64(),
	})
	return nil
}

func registerKey(c *contract.Call) ([]any, error) {
	list := c.Args.List(2)
	g := &group{registrant: c.Env.Addresses().Raw.Caller, threshold: uint16(c.Args.Uint64(1)), publicKey: c.Args.Bytes(0)}
	if len(list) < 2 || len(list) > maxSigners || g.threshold < 2 || int(g.threshold) > len(list) {
		return nil, contract.Revert("Participants")
	}
	var last common.Address
	for i := range list {
		p := list.Address(i)
		if bytes.Compare(p[:], last[:]) <= 0 {
			return nil, contract.Revert("Participants")
		}
		g.participants, last = append(g.participants, p), p
	}
	if err := c.Charge(params.ColdAccountAccessCostEIP2929 + pointGas + hashGas + participantGas*uint64(len(list)) + params.Keccak256WordGas*contract.Words(len(c.Input))); err != nil {
		return nil, err
	}
	if err := (cggmp21.Commitment{R: g.publicKey, K: g.publicKey, S: g.publicKey}).Check(); err != nil {
		return nil, refuseECDSA(err)
	}
	record := g.bytes()
	salt := c.Args.Bytes32(3)
	id := crypto.Keccak256Hash([]byte(keyTag), g.registrant[:], salt[:], record[1+common.AddressLength:])
	at, state := account(id), c.Env.StateDB()
	if state.GetCodeSize(at) > 0 {
		return []any{[32]byte(id)}, nil
	}
	if err := c.Charge(params.CreateGas + params.CreateDataGas*uint64(len(record))); err != nil {
		return nil, err
	}
	state.SetNonce(at, 1)
	state.SetCode(at, record)
	// The data: bytes at an offset, the threshold, then the key in two words.
	data := uint256.NewInt(64).Bytes32()
	threshold, length := uint256.NewInt(uint64(g.threshold)).Bytes32(), uint256.NewInt(cggmp21.PointSize).Bytes32()
	key := append(bytes.Clone(g.publicKey), make([]byte, 64-cggmp21.PointSize)...)
	return []any{[32]byte(id)}, log(c, bytes.Join([][]byte{data[:], threshold[:], length[:], key}, nil), keyRegistered, id, common.BytesToHash(g.registrant[:]))
}

func keyOf(c *contract.Call) ([]any, error) {
	g, err := load(c, c.Args.Bytes32(0))
	if err != nil {
		return nil, err
	}
	return []any{g.registrant, g.publicKey, g.threshold, g.participants}, nil
}

// commitmentSlot is where a participant's commitment is kept.
func commitmentSlot(key, presignature [32]byte, participant common.Address) common.Hash {
	return crypto.Keccak256Hash([]byte(commitmentTag), key[:], presignature[:], participant[:])
}

// hash is what the slot holds.
func hash(c cggmp21.Commitment) common.Hash { return crypto.Keccak256Hash(c.R, c.K, c.S) }

// read charges for and reads a slot of this contract.
func read(c *contract.Call, slot common.Hash) (common.Hash, error) {
	if err := c.Charge(params.ColdSloadCostEIP2929 + hashGas); err != nil {
		return common.Hash{}, err
	}
	return c.Env.ReadOnlyState().GetState(c.Env.Addresses().Raw.Self, slot), nil
}

func commit(c *contract.Call) ([]any, error) {
	key, presignature := c.Args.Bytes32(0), c.Args.Bytes32(1)
	g, err := load(c, key)
	if err != nil {
		return nil, err
	}
	caller := c.Env.Addresses().Raw.Caller
	if !g.has(caller) {
		return nil, contract.Revert("NotParticipant", caller)
	}
	made := cggmp21.Commitment{R: c.Args.Bytes(2), K: c.Args.Bytes(3), S: c.Args.Bytes(4)}
	if err := c.Charge(3 * pointGas); err != nil {
		return nil, err
	}
	if err := made.Check(); err != nil {
		return nil, refuseECDSA(err)
	}
	slot := commitmentSlot(key, presignature, caller)
	old, err := read(c, slot)
	if err != nil {
		return nil, err
	}
	if old != (common.Hash{}) {
		return nil, contract.Revert("CommittedBefore")
	}
	if err := c.Charge(params.SstoreSetGasEIP2200); err != nil {
		return nil, err
	}
	c.Env.StateDB().SetState(c.Env.Addresses().Raw.Self, slot, hash(made))
	return nil, log(c, nil, committed, key, presignature, common.BytesToHash(caller[:]))
}

func commitmentOf(c *contract.Call) ([]any, error) {
	value, err := read(c, commitmentSlot(c.Args.Bytes32(0), c.Args.Bytes32(1), c.Args.Address(2)))
	return []any{[32]byte(value)}, err
}

// wasMade charges for and checks that the participant committed to made.
func wasMade(c *contract.Call, participant common.Address, made cggmp21.Commitment) error {
	value, err := read(c, commitmentSlot(c.Args.Bytes32(0), c.Args.Bytes32(1), participant))
	if err != nil {
		return err
	}
	if value != hash(made) {
		return contract.Revert("NotCommitted")
	}
	return nil
}

func isConsistent(c *contract.Call) ([]any, error) {
	g, err := load(c, c.Args.Bytes32(0))
	if err != nil {
		return nil, err
	}
	signers, r, ks, ss := c.Args.List(2), c.Args.Bytes(3), c.Args.List(4), c.Args.List(5)
	n := len(signers)
	if n < int(g.threshold) || n > len(g.participants) || len(ks) != n || len(ss) != n {
		return nil, contract.Revert("Signers")
	}
	if err := c.Charge(equationGas/2 + uint64(n)*3*pointGas); err != nil {
		return nil, err
	}
	var last common.Address
	list := make([]cggmp21.Commitment, n)
	for i := range list {
		p := signers.Address(i)
		if bytes.Compare(p[:], last[:]) <= 0 {
			return nil, contract.Revert("Signers")
		}
		last = p
		list[i] = cggmp21.Commitment{R: r, K: ks.Bytes(i), S: ss.Bytes(i)}
		if err := wasMade(c, p, list[i]); err != nil {
			return nil, err
		}
	}
	ok, err := cggmp21.Consistent(g.publicKey, list)
	if err != nil {
		return nil, refuseECDSA(err)
	}
	return []any{ok}, nil
}

// partial checks arguments 2 to 7.
func partial(c *contract.Call) (bool, error) {
	made := cggmp21.Commitment{R: c.Args.Bytes(3), K: c.Args.Bytes(4), S: c.Args.Bytes(5)}
	if err := wasMade(c, c.Args.Address(2), made); err != nil {
		return false, err
	}
	if err := c.Charge(equationGas); err != nil {
		return false, err
	}
	ok, err := made.Partial(c.Args.Bytes32(6), c.Args.Bytes(7))
	return ok, refuseECDSA(err)
}

func checkPartial(c *contract.Call) ([]any, error) {
	ok, err := partial(c)
	return []any{ok}, err
}

// attested is what a participant signs beside its partial signature.
func attested(c *contract.Call, digest, sigma []byte) common.Hash {
	var chain [32]byte
	return crypto.Keccak256Hash([]byte(attestationTag), c.Env.ChainConfig().ChainID.FillBytes(chain[:]), c.Args.Bytes(0), c.Args.Bytes(1), digest, sigma)
}

func attestationDigest(c *contract.Call) ([]any, error) {
	if err := c.Charge(hashGas); err != nil {
		return nil, err
	}
	return []any{[32]byte(attested(c, c.Args.Bytes(2), c.Args.Bytes(3)))}, nil
}

// signer recovers who made an attestation of r, s and v.
func signer(digest common.Hash, attestation []byte) (common.Address, bool) {
	if len(attestation) != crypto.SignatureLength {
		return common.Address{}, false
	}
	r, s := new(uint256.Int).SetBytes(attestation[:32]).ToBig(), new(uint256.Int).SetBytes(attestation[32:64]).ToBig()
	v := attestation[64] - 27
	if !crypto.ValidateSignatureValues(v, r, s, true) {
		return common.Address{}, false
	}
	key, err := crypto.Ecrecover(digest[:], append(bytes.Clone(attestation[:64]), v))
	if err != nil {
		return common.Address{}, false
	}
	return common.BytesToAddress(crypto.Keccak256(key[1:])), true
}

// blamedSlot is where it is kept that a participant was blamed.
func blamedSlot(key [32]byte, participant common.Address) common.Hash {
	return crypto.Keccak256Hash([]byte(blamedTag), key[:], participant[:])
}

func blame(c *contract.Call) ([]any, error) {
	key, presignature, participant := c.Args.Bytes32(0), c.Args.Bytes32(1), c.Args.Address(2)
	right, err := partial(c)
	if err != nil {
		return nil, err
	}
	if right {
		return nil, contract.Revert("PartialIsRight")
	}
	if err := c.Charge(ecdsaGas + hashGas); err != nil {
		return nil, err
	}
	if who, ok := signer(attested(c, c.Args.Bytes(6), c.Args.Bytes(7)), c.Args.Bytes(8)); !ok || who != participant {
		return nil, contract.Revert("Attestation")
	}
	if err := c.Charge(params.SstoreSetGasEIP2200 + params.ColdSloadCostEIP2929); err != nil {
		return nil, err
	}
	c.Env.StateDB().SetState(c.Env.Addresses().Raw.Self, blamedSlot(key, participant), set)
	return nil, log(c, nil, blamed, key, presignature, common.BytesToHash(participant[:]))
}

func isBlamed(c *contract.Call) ([]any, error) {
	value, err := read(c, blamedSlot(c.Args.Bytes32(0), c.Args.Address(1)))
	return []any{value == set}, err
}

func verifyKey(c *contract.Call) ([]any, error) {
	g, err := load(c, c.Args.Bytes32(0))
	if err != nil {
		return nil, err
	}
	return ecdsaVerify(c, g.publicKey, c.Args.Bytes32(1), c.Args.Bytes(2))
}
