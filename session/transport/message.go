package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/pars-network/pars/crypto/sign"
)

// Types of handshake messages, the first byte of each. They differ so that no
// message can stand for another, though the first two begin alike.
const (
	typeHello  = 1 // initiator: ephemeral keys
	typeAnswer = 2 // responder: ephemeral share, ciphertext, sealed proof
	typeProof  = 3 // initiator: sealed proof
)

// Sizes of messages in bytes.
const (
	headerSize = 3 // type, then the length of the rest, big-endian
	x25519Size = 32
	helloSize  = x25519Size + mlkem1024.PublicKeySize  // 1600
	shareSize  = x25519Size + mlkem1024.CiphertextSize // 1600

	maxMuxers     = 8
	maxMuxerName  = 64
	minMuxerList  = 1 + 1 + 1
	maxMuxerList  = 1 + maxMuxers*(1+maxMuxerName)
	proofOverhead = sign.PublicKeySize + sign.SignatureSize + hashSize
	minSealed     = proofOverhead + minMuxerList + tagSize
	maxSealed     = proofOverhead + maxMuxerList + tagSize
)

// ErrHandshake reports that no link came about because the other side does not
// speak this protocol, is not who it says, or somebody altered what was sent.
// Which of these it was is not told.
var ErrHandshake = errors.New("transport: handshake refused")

// header is the type and length in front of a message of n bytes.
func header(kind byte, n int) []byte {
	return binary.BigEndian.AppendUint16([]byte{kind}, uint16(n))
}

// readMessage reads a message of the wanted type with least to most bytes
// after its header. It takes no memory before it has checked both.
func readMessage(r io.Reader, kind byte, least, most int) (head, body []byte, err error) {
	head = make([]byte, headerSize)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, nil, readFailed(kind, err)
	}
	n := int(binary.BigEndian.Uint16(head[1:]))
	if head[0] != kind || n < least || n > most {
		return nil, nil, fmt.Errorf("%w: message of type %d with %d bytes, want type %d with %d to %d", ErrHandshake, head[0], n, kind, least, most)
	}
	body = make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, nil, readFailed(kind, err)
	}
	return head, body, nil
}

func readFailed(kind byte, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the other side hung up before message %d was complete", ErrHandshake, kind)
	}
	return fmt.Errorf("transport: reading handshake message %d: %w", kind, err)
}

// proof is what each side seals: who it is, what it can multiplex with, and
// that it means this exchange.
type proof struct {
	key    []byte // public key, sign.PublicKeySize bytes
	muxers []byte // encoded list
	sig    []byte // over the transcript with key and muxers
	mac    []byte // over the transcript with key, muxers and sig
}

func (p proof) bytes() []byte {
	b := make([]byte, 0, proofOverhead+len(p.muxers))
	b = append(b, p.key...)
	b = append(b, p.muxers...)
	b = append(b, p.sig...)
	return append(b, p.mac...)
}

// parseProof splits an opened proof. Everything but the list in the middle has
// a fixed size; there is no field for a key type, because there is one type.
func parseProof(b []byte) (p proof, muxers []protocol.ID, err error) {
	if len(b) < proofOverhead+minMuxerList || len(b) > proofOverhead+maxMuxerList {
		return proof{}, nil, fmt.Errorf("%w: proof of %d bytes, want %d to %d", ErrHandshake, len(b), proofOverhead+minMuxerList, proofOverhead+maxMuxerList)
	}
	p.key, b = b[:sign.PublicKeySize], b[sign.PublicKeySize:]
	b, p.mac = b[:len(b)-hashSize], b[len(b)-hashSize:]
	p.muxers, p.sig = b[:len(b)-sign.SignatureSize], b[len(b)-sign.SignatureSize:]
	muxers, err = parseMuxers(p.muxers)
	return p, muxers, err
}

// encodeMuxers encodes a list: how many, then the length and name of each.
func encodeMuxers(list []protocol.ID) ([]byte, error) {
	if len(list) == 0 || len(list) > maxMuxers {
		return nil, fmt.Errorf("transport: %d stream multiplexers, want 1 to %d", len(list), maxMuxers)
	}
	b := []byte{byte(len(list))}
	for _, m := range list {
		if len(m) == 0 || len(m) > maxMuxerName {
			return nil, fmt.Errorf("transport: name of stream multiplexer %q has %d bytes, want 1 to %d", m, len(m), maxMuxerName)
		}
		b = append(append(b, byte(len(m))), m...)
	}
	return b, nil
}

func parseMuxers(b []byte) ([]protocol.ID, error) {
	bad := fmt.Errorf("%w: damaged list of stream multiplexers", ErrHandshake)
	if len(b) == 0 || b[0] == 0 || b[0] > maxMuxers {
		return nil, bad
	}
	list := make([]protocol.ID, 0, b[0])
	for n, rest := int(b[0]), b[1:]; ; {
		if len(list) == n {
			if len(rest) != 0 {
				return nil, bad
			}
			return list, nil
		}
		if len(rest) == 0 || rest[0] == 0 || rest[0] > maxMuxerName || len(rest) < 1+int(rest[0]) {
			return nil, bad
		}
		list = append(list, protocol.ID(rest[1:1+rest[0]]))
		rest = rest[1+rest[0]:]
	}
}

// chooseMuxer is the first on the initiator's list that the responder has too.
func chooseMuxer(initiator, responder []protocol.ID) (protocol.ID, error) {
	for _, a := range initiator {
		for _, b := range responder {
			if a == b {
				return a, nil
			}
		}
	}
	return "", fmt.Errorf("transport: no common stream multiplexer: the initiator has %q, the responder %q", initiator, responder)
}
