package graph

import (
	_ "embed"
	"encoding/binary"
	"errors"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"
	"github.com/ava-labs/libevm/params"

	"github.com/pars-network/pars/precompile/contract"
)

//go:embed IGraph.json
var graphABI []byte

// Graph is the contract at 0x0500. contracts/src/interfaces/IGraph.sol describes
// it.
var Graph = contract.MustNew(contract.Config{
	Name: "Graph",
	ABI:  graphABI,
	Functions: map[string]contract.Function{
		"registerSchema(string)":               registerSchema,
		"schemaOf(bytes32)":                    schemaOf,
		"transferType(bytes32,string,address)": transferType,
		"ownerOf(bytes32,string)":              ownerOf,
		"put(bytes32,string,string,bytes)":     put,
		"remove(bytes32,string,string)":        remove,
		"query(bytes32,string,string)":         query,
	},
	Stateful: true,
})

// First topics of the events.
var (
	schemaRegistered = crypto.Keccak256Hash([]byte("SchemaRegistered(bytes32,address)"))
	typeTransferred  = crypto.Keccak256Hash([]byte("TypeTransferred(bytes32,string,address)"))
	entityPut        = crypto.Keccak256Hash([]byte("EntityPut(bytes32,string,string)"))
	entityRemoved    = crypto.Keccak256Hash([]byte("EntityRemoved(bytes32,string,string)"))
)

// codeHead is what stands before the SDL in the code of a schema's account: a
// STOP and the owner.
const codeHead = 1 + common.AddressLength

func schemaID(owner common.Address, sdl string) common.Hash {
	return crypto.Keccak256Hash([]byte(schemaTag), owner[:], []byte(sdl))
}

// account is where a schema is. Nobody has a key or code for it.
func account(id common.Hash) common.Address {
	return common.BytesToAddress(crypto.Keccak256([]byte(accountTag), id[:]))
}

func newMachine(c *contract.Call, schema common.Hash) *machine {
	return &machine{state: c.State(), env: c.Env, schemaID: schema}
}

// refused turns a refusal of text into a revert.
func refused(name string, err error) error {
	var s *syntaxError
	if errors.As(err, &s) {
		return contract.Revert(name, s.offset, s.reason)
	}
	return err
}

// registered is a schema as it was registered.
type registered struct {
	owner common.Address
	sdl   string
}

// open charges for and reads the account of a schema; nil when there is none.
func open(c *contract.Call, id common.Hash) (*registered, error) {
	if err := c.Charge(params.ColdAccountAccessCostEIP2929 + hashGas); err != nil {
		return nil, err
	}
	state := c.Env.ReadOnlyState()
	at := account(id)
	size := state.GetCodeSize(at)
	if size < codeHead {
		return nil, nil
	}
	if err := c.Charge(schemaByteGas * uint64(size)); err != nil {
		return nil, err
	}
	code := state.GetCode(at)
	return &registered{common.BytesToAddress(code[1:codeHead]), string(code[codeHead:])}, nil
}

// load is [open] of a schema that has to be there, parsed. The zero id is of the
// built-in types alone, which nobody owns.
func load(c *contract.Call, id common.Hash) (*schema, common.Address, error) {
	if id == (common.Hash{}) {
		return chainSchema, common.Address{}, nil
	}
	r, err := open(c, id)
	if err != nil {
		return nil, common.Address{}, err
	}
	if r == nil {
		return nil, common.Address{}, contract.Revert("UnknownSchema", [32]byte(id))
	}
	s, err := parseSchema(r.sdl)
	return s, r.owner, err // only a schema that parses is stored
}

func registerSchema(c *contract.Call) ([]any, error) {
	sdl := string(c.Args.Bytes(0))
	if len(sdl) > maxSDL {
		return nil, contract.Revert("InvalidSchema", maxSDL, "longer than 4096 bytes")
	}
	size := uint64(len(sdl))
	if err := c.Charge(baseGas + params.ColdAccountAccessCostEIP2929 + hashGas + schemaByteGas*size + params.Keccak256WordGas*contract.Words(len(sdl))); err != nil {
		return nil, err
	}
	if _, err := parseSchema(sdl); err != nil {
		return nil, refused("InvalidSchema", err)
	}
	caller := c.Env.Addresses().Raw.Caller
	id := schemaID(caller, sdl)
	at, state := account(id), c.Env.StateDB()
	if state.GetCodeSize(at) > 0 {
		return []any{[32]byte(id)}, nil
	}
	// What CREATE charges for an account and its code.
	if err := c.Charge(params.CreateGas + params.CreateDataGas*(codeHead+size)); err != nil {
		return nil, err
	}
	state.SetNonce(at, 1)
	state.SetCode(at, append(append([]byte{0x00}, caller[:]...), sdl...))
	return []any{[32]byte(id)}, c.State().Log([]common.Hash{schemaRegistered, id, common.BytesToHash(caller[:])}, nil)
}

func schemaOf(c *contract.Call) ([]any, error) {
	id := common.Hash(c.Args.Bytes32(0))
	r, err := open(c, id)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, contract.Revert("UnknownSchema", [32]byte(id))
	}
	return []any{r.owner, r.sdl}, nil
}

// named is the table of a type that arguments 0 and 1 name, and its owner.
func named(c *contract.Call) (*table, common.Address, error) {
	var owner common.Address
	if err := c.Charge(baseGas); err != nil {
		return nil, owner, err
	}
	id, name := common.Hash(c.Args.Bytes32(0)), string(c.Args.Bytes(1))
	s, owner, err := load(c, id)
	if err != nil {
		return nil, owner, err
	}
	o := s.object(name)
	if o == nil || o.rows != nil {
		return nil, owner, contract.Revert("UnknownType", [32]byte(id), name)
	}
	t := newMachine(c, id).table(o)
	given, err := t.m.state.Load(t.slot(ownerTag))
	if given != (common.Hash{}) {
		owner = common.BytesToAddress(given[:])
	}
	return t, owner, err
}

// owned is [named] for its owner.
func owned(c *contract.Call) (*table, error) {
	t, owner, err := named(c)
	if err == nil && c.Env.Addresses().Raw.Caller != owner {
		err = contract.Revert("NotOwner", owner)
	}
	return t, err
}

// log writes an event about a type: the schema and the hash of the type's name
// are topics.
func (t *table) log(event common.Hash, data []byte, more ...common.Hash) error {
	topics := append([]common.Hash{event, t.m.schemaID, crypto.Keccak256Hash([]byte(t.object.name))}, more...)
	return t.m.state.Log(topics, data)
}

// textData is a string as the only value of an event's data.
func textData(text string) []byte {
	data := make([]byte, 64+32*contract.Words(len(text)))
	data[31] = 32
	binary.BigEndian.PutUint64(data[56:], uint64(len(text)))
	copy(data[64:], text)
	return data
}

func transferType(c *contract.Call) ([]any, error) {
	t, err := owned(c)
	if err != nil {
		return nil, err
	}
	to := c.Args.Address(2)
	if to == (common.Address{}) {
		// Nobody's address would give the type back to who registered it.
		return nil, contract.Revert("NotOwner", to)
	}
	if err := t.m.state.Store(t.slot(ownerTag), common.BytesToHash(to[:])); err != nil {
		return nil, err
	}
	return nil, t.log(typeTransferred, nil, common.BytesToHash(to[:]))
}

func ownerOf(c *contract.Call) ([]any, error) {
	_, owner, err := named(c)
	return []any{owner}, err
}

func put(c *contract.Call) ([]any, error) {
	t, err := owned(c)
	if err != nil {
		return nil, err
	}
	id := string(c.Args.Bytes(2))
	if reason := idFault(id); reason != "" {
		return nil, contract.Revert("InvalidFields", "id", reason)
	}
	if err := c.Charge(cellGas * uint64(len(t.object.fields))); err != nil {
		return nil, err
	}
	cells, err := t.cells(c.Args.Bytes(3))
	if err != nil {
		return nil, err
	}
	if err := t.put(id, cells); err != nil {
		return nil, err
	}
	return nil, t.log(entityPut, textData(id))
}

// idFault says why a text can't be an id, or nothing.
func idFault(id string) string {
	switch {
	case id == "":
		return "empty"
	case len(id) > maxID:
		return "longer than 66 bytes"
	}
	return textFault(&field{kind: kindString}, id)
}

func remove(c *contract.Call) ([]any, error) {
	t, err := owned(c)
	if err != nil {
		return nil, err
	}
	id := string(c.Args.Bytes(2))
	e, err := t.find(id)
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, contract.Revert("NoEntity", id)
	}
	if err := t.remove(id, e); err != nil {
		return nil, err
	}
	return nil, t.log(entityRemoved, textData(id))
}

func query(c *contract.Call) ([]any, error) {
	id, text, variables := common.Hash(c.Args.Bytes32(0)), string(c.Args.Bytes(1)), string(c.Args.Bytes(2))
	if len(text) > maxQuery || len(variables) > maxVariables {
		return nil, contract.Revert("QueryRefused", maxQuery, "query or variables longer than 2048 bytes")
	}
	if err := c.Charge(baseGas + queryByteGas*uint64(len(text)+len(variables))); err != nil {
		return nil, err
	}
	d, err := parseQuery(text)
	if err != nil {
		return nil, refused("QueryRefused", err)
	}
	given, err := parseVariables(variables)
	if err != nil {
		return nil, refused("VariablesRefused", err)
	}
	s, _, err := load(c, id)
	if err != nil {
		return nil, err
	}
	root, err := bind(s, d, given)
	if err != nil {
		return nil, refused("QueryRefused", err)
	}
	m := newMachine(c, id)
	if err := m.run(root); err != nil {
		return nil, err
	}
	return []any{string(m.out)}, nil
}
