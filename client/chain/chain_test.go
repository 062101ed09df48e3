package chain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	gethkeys "github.com/ava-labs/libevm/accounts/keystore"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/crypto"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// libevm, which is geth's code, is the second implementation of transactions.
func TestTransactionsAreWhatLibevmReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := crypto.Keccak256(rapid.SliceOf(rapid.Byte()).Draw(t, "secret"))
		key, err := NewKey(secret)
		if err != nil {
			t.Fatal(err)
		}
		number := func(name string) *big.Int { return new(big.Int).SetUint64(rapid.Uint64().Draw(t, name)) }
		gas := rapid.Uint64Range(0, 1<<40).Draw(t, "gas")
		tx := &Transaction{
			ChainID: number("chain"), Nonce: number("nonce"), Tip: number("tip"), FeeCap: number("cap"), Gas: new(big.Int).SetUint64(gas),
			Value: number("value"), Data: rapid.SliceOfN(rapid.Byte(), 0, 400).Draw(t, "data"),
		}
		copy(tx.To[:], rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "to"))
		raw, hash := tx.Sign(key)
		var got types.Transaction
		if err := got.UnmarshalBinary(raw); err != nil {
			t.Fatalf("libevm reads %x: %v", raw, err)
		}
		from, err := types.Sender(types.LatestSignerForChainID(tx.ChainID), &got)
		ecdsa, _ := crypto.ToECDSA(secret)
		if err != nil || from != crypto.PubkeyToAddress(ecdsa.PublicKey) || from != common.Address(key.Address()) {
			t.Fatalf("the sender is %s, %v, want %s", from, err, key.Address())
		}
		if got.Hash() != common.Hash(hash) || got.Nonce() != tx.Nonce.Uint64() || got.Gas() != gas || !bytes.Equal(got.Data(), tx.Data) || got.Value().Cmp(tx.Value) != 0 ||
			got.GasTipCap().Cmp(tx.Tip) != 0 || got.GasFeeCap().Cmp(tx.FeeCap) != 0 || *got.To() != common.Address(tx.To) {
			t.Fatalf("libevm reads another transaction than was signed: %+v", tx)
		}
	})
}

func TestKeystoresOfLibevmOpen(t *testing.T) {
	secret := crypto.Keccak256([]byte("keystore"))
	ecdsa, err := crypto.ToECDSA(secret)
	if err != nil {
		t.Fatal(err)
	}
	file, err := gethkeys.EncryptKey(&gethkeys.Key{Id: uuid.New(), Address: crypto.PubkeyToAddress(ecdsa.PublicKey), PrivateKey: ecdsa}, "open sesame", 1<<10, 1)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey(file, []byte("open sesame"))
	if err != nil || common.Address(key.Address()) != crypto.PubkeyToAddress(ecdsa.PublicKey) {
		t.Fatalf("ParseKey = %v, %v, want the key of %s", key, err, crypto.PubkeyToAddress(ecdsa.PublicKey))
	}
	if _, err := ParseKey(file, []byte("open says me")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("a wrong passphrase: %v, want ErrPassphrase", err)
	}
	for _, text := range []string{key.String(), fmt.Sprintf("%v %+v %#v %s", key, key, key, key), key.LogValue().String()} {
		if strings.Contains(text, fmt.Sprintf("%x", secret)) || !strings.Contains(text, key.Address().String()) {
			t.Errorf("a key prints as %q, want its address alone", text)
		}
	}
}

func TestFilesWithoutAKeyAreRefused(t *testing.T) {
	order := "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
	for name, file := range map[string]string{
		"nothing": "", "words": "not a key", "31 bytes": strings.Repeat("11", 31), "33 bytes": strings.Repeat("11", 33),
		"zero": strings.Repeat("00", 32), "the order": order, "no keystore": "{", "another version": `{"version": 1}`,
		"no memory in the world": `{"version":3,"crypto":{"cipher":"aes-128-ctr","kdf":"scrypt","cipherparams":{"iv":"00000000000000000000000000000000"},"kdfparams":{"n":1073741824,"r":8,"p":1,"dklen":32,"salt":"00"}}}`,
	} {
		if key, err := ParseKey([]byte(file), nil); !errors.Is(err, ErrKey) {
			t.Errorf("%s: ParseKey = %v, %v, want ErrKey", name, key, err)
		}
	}
	if _, err := ParseKey([]byte("0x"+strings.Repeat("11", 32)+"\n"), nil); err != nil {
		t.Errorf("64 digits with 0x and a line end: %v, want a key", err)
	}
}

// The vector of Web3 Secret Storage's definition for PBKDF2.
func TestKeystoreVectorPBKDF2(t *testing.T) {
	const file = `{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},
"ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2",
"kdfparams":{"c":262144,"dklen":32,"prf":"hmac-sha256","salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},
"mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}`
	key, err := ParseKey([]byte(file), []byte("testpassword"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := NewKey(common.FromHex("7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"))
	if err != nil || key.Address() != want.Address() {
		t.Errorf("the vector's key is of %s, want %s", key.Address(), want.Address())
	}
}

func TestErrorsSayWhoFailed(t *testing.T) {
	serve := func(body string) *Client {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		t.Cleanup(s.Close)
		return New(s.URL)
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	for _, c := range []struct {
		name   string
		client *Client
		want   error
	}{
		{"no server", New(closed.URL), ErrUnreachable},
		{"not a URL", New("127.0.0.1:8545"), ErrUnreachable},
		{"not JSON", serve("<html>"), ErrUnreachable},
		{"an error", serve(`{"error":{"code":3,"message":"execution reverted","data":"0x08c379a0"}}`), ErrRefused},
	} {
		if _, err := c.client.quantity(t.Context(), "eth_chainId"); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	failed := serve(`{"result":{"status":"0x0","blockNumber":"0x5","gasUsed":"0x10"}}`)
	if r, err := failed.Wait(t.Context(), "0x01"); !errors.Is(err, ErrFailed) || r.Block != 5 {
		t.Errorf("a failed transaction: %+v, %v, want ErrFailed in block 5", r, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := serve(`{"result":null}`).Wait(ctx, "0x01"); !errors.Is(err, context.Canceled) {
		t.Errorf("a wait that was ended: %v, want context.Canceled", err)
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add([]byte(strings.Repeat("11", 32)))
	f.Add([]byte(`{"version":3,"crypto":{"cipher":"aes-128-ctr","kdf":"pbkdf2","kdfparams":{"c":1,"prf":"hmac-sha256","dklen":32}}}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		var s keystore
		if json.Unmarshal(file, &s) == nil && (s.Crypto.KDFParams.N > 1<<10 || s.Crypto.KDFParams.C > 1<<10) {
			return // sane, and slow
		}
		key, err := ParseKey(file, []byte("x"))
		if (key == nil) == (err == nil) {
			t.Fatalf("ParseKey(%q) = %v, %v", file, key, err)
		}
	})
}
