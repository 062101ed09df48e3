package e2e

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ava-labs/libevm"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/crypto"
	"github.com/ava-labs/libevm/ethclient"

	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/node"
)

func TestMain(m *testing.M) { os.Exit(testutil.Main(m)) }

// startTime is how long a node may take to print its banner before a test gives
// up. Tests measure the start but don't judge it: machines differ.
const startTime = time.Minute

// parsd is a running node with a client.
type parsd struct {
	*testutil.Process
	banner node.Banner
	client *ethclient.Client
	took   time.Duration // from the process's start to its banner
}

// startDev runs `parsd --dev` on free ports.
func startDev(t *testing.T, args ...string) *parsd {
	t.Helper()
	bin := testutil.Build(t, "parsd")
	began := time.Now()
	p := &parsd{Process: testutil.Start(t, bin, append([]string{"--dev", "--json", "--http.port", "0"}, args...)...)}
	p.JSON(startTime, &p.banner)
	p.took = time.Since(began)
	client, err := ethclient.DialContext(t.Context(), p.banner.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	p.client = client
	return p
}

// account is a funded key with its own count of nonces.
type account struct {
	key   *ecdsa.PrivateKey
	addr  common.Address
	nonce uint64
}

func (p *parsd) account(t *testing.T, i int) *account {
	t.Helper()
	key, err := crypto.HexToECDSA(strings.TrimPrefix(p.banner.Accounts[i].PrivateKey, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	return &account{key: key, addr: crypto.PubkeyToAddress(key.PublicKey)}
}

// transfer signs a transfer of one gwei with the account's next nonce.
func (a *account) transfer(t *testing.T, chainID uint64, to common.Address) *types.Transaction {
	t.Helper()
	id := new(big.Int).SetUint64(chainID)
	tx, err := types.SignNewTx(a.key, types.LatestSignerForChainID(id), &types.DynamicFeeTx{
		ChainID: id, Nonce: a.nonce, Gas: 21_000, To: &to, Value: big.NewInt(1_000_000_000),
		GasTipCap: big.NewInt(1_000_000_000), GasFeeCap: big.NewInt(1_000_000_000_000),
	})
	if err != nil {
		t.Fatal(err)
	}
	a.nonce++
	return tx
}

// receipt waits for the receipt of a transaction.
func (p *parsd) receipt(ctx context.Context, hash common.Hash) (*types.Receipt, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := p.client.TransactionReceipt(ctx, hash)
		if err == nil || !errors.Is(err, ethereum.NotFound) {
			return r, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

func TestDevNodeFromBannerToCleanStop(t *testing.T) {
	p := startDev(t)
	t.Logf("ready %d ms after main, %s after the process's start", p.banner.ReadyMs, p.took.Round(time.Millisecond))
	if p.banner.ChainID != 1337 || p.banner.Network != "pars-dev" || len(p.banner.Accounts) != 10 || !p.banner.Temporary {
		t.Errorf("banner = %+v, want chain 1337, pars-dev, ten accounts and a temporary folder", p.banner)
	}
	if got := p.banner.Accounts[0].Address; got != "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266" {
		t.Errorf("first account = %s, want the first of the well-known mnemonic", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	id, err := p.client.ChainID(ctx)
	if err != nil || id.Uint64() != 1337 {
		t.Fatalf("eth_chainId = %v, %v, want 1337", id, err)
	}
	ws, err := ethclient.DialContext(ctx, p.banner.WebSocket)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	heads := make(chan *types.Header, 16)
	sub, err := ws.SubscribeNewHead(ctx, heads)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Unsubscribe()

	from, to := p.account(t, 0), common.HexToAddress("0xbeef")
	tx := from.transfer(t, 1337, to)
	if err := p.client.SendTransaction(ctx, tx); err != nil {
		t.Fatal(err)
	}
	r, err := p.receipt(ctx, tx.Hash())
	if err != nil || r.Status != types.ReceiptStatusSuccessful {
		t.Fatalf("receipt = %+v, %v, want success", r, err)
	}
	balance, err := p.client.BalanceAt(ctx, to, nil)
	if err != nil || balance.Cmp(tx.Value()) != 0 {
		t.Errorf("balance of the receiver = %v, %v, want %v", balance, err, tx.Value())
	}
	select {
	case h := <-heads:
		if h.Number.Cmp(r.BlockNumber) != 0 || len(h.Extra) != 229 {
			t.Errorf("head over WebSocket = %v with %d bytes of extra, want %v with 229", h.Number, len(h.Extra), r.BlockNumber)
		}
	case <-ctx.Done():
		t.Error("no head came over WebSocket")
	}
	code, took := p.Terminate()
	if code != 0 {
		t.Errorf("exit code after SIGTERM = %d, want 0", code)
	}
	t.Logf("stopped in %s", took.Round(time.Millisecond))
	if _, err := os.Stat(p.banner.DataDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary folder %s is still there: %v", p.banner.DataDir, err)
	}
}

func TestRestartContinuesTheChain(t *testing.T) {
	dir := t.TempDir()
	first := startDev(t, "--datadir", dir)
	ctx, cancel := context.WithTimeout(t.Context(), 2*startTime)
	defer cancel()
	tx := first.account(t, 0).transfer(t, 1337, common.HexToAddress("0xbeef"))
	if err := first.client.SendTransaction(ctx, tx); err != nil {
		t.Fatal(err)
	}
	want, err := first.receipt(ctx, tx.Hash())
	if err != nil {
		t.Fatal(err)
	}
	if code, _ := first.Terminate(); code != 0 {
		t.Fatalf("exit code = %d, want 0", code)
	}

	second := startDev(t, "--datadir", dir)
	if second.banner.GenesisHash != first.banner.GenesisHash || second.banner.NodeID != first.banner.NodeID || second.banner.Temporary {
		t.Errorf("second banner = %+v, want genesis and node of the first: %+v", second.banner, first.banner)
	}
	got, err := second.client.TransactionReceipt(ctx, tx.Hash())
	if err != nil || got.BlockHash != want.BlockHash {
		t.Errorf("receipt after the restart = %+v, %v, want the one from before: %+v", got, err, want)
	}
	if code, _ := second.Terminate(); code != 0 {
		t.Errorf("exit code = %d, want 0", code)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) == 0 {
		t.Errorf("the data folder has %v, %v, want it kept", entries, err)
	}
}

func TestTwoNodesDontShareAFolder(t *testing.T) {
	dir := t.TempDir()
	startDev(t, "--datadir", dir)
	second := testutil.Start(t, testutil.Build(t, "parsd"), "--dev", "--http.port", "0", "--datadir", dir)
	if code := second.Wait(startTime); code != int(node.CodeInUse) {
		t.Errorf("exit code of the second = %d, want %d", code, node.CodeInUse)
	}
}

func TestDamagedDatabasesAreNamed(t *testing.T) {
	for _, c := range []struct{ name, folder, file, says string }{
		// The engine's database repairs a damaged manifest by itself.
		{"the engine's", "db", "CURRENT", "engine database can't be opened"},
		{"the chain's", "chainData", "MANIFEST", "data folder can't be used: the chain in it can't start"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			p := startDev(t, "--datadir", dir)
			if code, _ := p.Terminate(); code != 0 {
				t.Fatalf("exit code = %d, want 0", code)
			}
			damage(t, filepath.Join(dir, c.folder), c.file)
			again := testutil.Start(t, testutil.Build(t, "parsd"), "--dev", "--http.port", "0", "--datadir", dir)
			if code := again.Wait(startTime); code != int(node.CodeDataFolder) {
				t.Errorf("exit code = %d, want %d", code, node.CodeDataFolder)
			}
			if text := again.Stderr(); !strings.Contains(text, c.says) || !strings.Contains(text, "restore the data folder from a backup") {
				t.Errorf("it says %q, want %q and what to do", text, c.says)
			}
		})
	}
}
