package wire

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

var (
	// ErrEncoding reports bytes that are not the one deterministic encoding of
	// a value of the wanted type: altered, cut off or made by another program.
	ErrEncoding = errors.New("wire: not deterministic CBOR")
	// ErrSize reports a message above the limit that the caller set. It is
	// returned before anything of that size is allocated.
	ErrSize = errors.New("wire: message too large")
)

// RawMessage is one encoded item inside a larger one, kept as it came. Where a
// message has a body whose type depends on another field, the field of the body
// has this type.
type RawMessage = cbor.RawMessage

var encMode, decMode = modes()

func modes() (cbor.EncMode, cbor.DecMode) {
	enc := cbor.CoreDetEncOptions()
	enc.TagsMd = cbor.TagsForbidden
	enc.BigIntConvert = cbor.BigIntConvertReject
	enc.NaNConvert = cbor.NaNConvertReject
	enc.InfConvert = cbor.InfConvertReject
	enc.NilContainers = cbor.NilContainerAsEmpty
	enc.ByteArray = cbor.ByteArrayToByteSlice
	enc.BinaryMarshaler = cbor.BinaryMarshalerNone
	enc.ToIndefArrayStructTag = cbor.ToIndefArrayStructTagForbidden
	em, err := enc.EncMode()
	if err != nil {
		panic("wire: CBOR encoder options: " + err.Error())
	}
	dm, err := cbor.DecOptions{
		DupMapKey:            cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:      MaxDepth,
		MaxArrayElements:     MaxElements,
		MaxMapPairs:          MaxElements,
		IndefLength:          cbor.IndefLengthForbidden,
		TagsMd:               cbor.TagsForbidden,
		ExtraReturnErrors:    cbor.ExtraDecErrorUnknownField,
		FieldNameMatching:    cbor.FieldNameMatchingCaseSensitive,
		FieldNameByteString:  cbor.FieldNameByteStringForbidden,
		ByteStringToString:   cbor.ByteStringToStringForbidden,
		BinaryUnmarshaler:    cbor.BinaryUnmarshalerNone,
		BignumTag:            cbor.BignumTagForbidden,
		NaN:                  cbor.NaNDecodeForbidden,
		Inf:                  cbor.InfDecodeForbidden,
		UTF8:                 cbor.UTF8RejectInvalid,
		MapKeyByteString:     cbor.MapKeyByteStringAllowed,
		ByteStringToTime:     cbor.ByteStringToTimeForbidden,
		UnrecognizedTagToAny: cbor.UnrecognizedTagNumAndContentToAny,
	}.DecMode()
	if err != nil {
		panic("wire: CBOR decoder options: " + err.Error())
	}
	return em, dm
}

// Marshal returns the deterministic encoding of v. It fails on a value that
// [Check] would refuse, such as one with floating point, tags or too many
// elements, so that nothing is sent which the other side can't read.
func Marshal(v any) ([]byte, error) {
	data, err := encMode.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("wire: encoding %T: %w", v, err)
	}
	if err := Check(data); err != nil {
		return nil, fmt.Errorf("wire: encoding %T: %w", v, err)
	}
	return data, nil
}

// Unmarshal decodes data, which must be exactly the encoding that [Marshal]
// gives for the result, into v, a pointer. limit is the greatest length of
// data in bytes; above it the error is [ErrSize], anything else wrong is
// [ErrEncoding]. v is in an undefined state after an error. The result shares
// no memory with data.
func Unmarshal(data []byte, limit int, v any) error {
	if len(data) > limit {
		return fmt.Errorf("%w: %d bytes, want at most %d", ErrSize, len(data), limit)
	}
	if err := Check(data); err != nil {
		return err
	}
	if err := decMode.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	again, err := encMode.Marshal(v)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	if !bytes.Equal(again, data) {
		return fmt.Errorf("%w: another encoding of a %T than the one that is allowed", ErrEncoding, v)
	}
	return nil
}
