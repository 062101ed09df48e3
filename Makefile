# Pars Network. `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X github.com/pars-network/pars/params.Version=$(VERSION) -X github.com/pars-network/pars/params.Commit=$(COMMIT)
BIN     := bin
TOOLS   := .tools
GOLANGCI_VERSION := v2.15.0
VULNCHECK_VERSION := v1.9.0

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build parsd, sessiond and parsctl into bin/
	@mkdir -p $(BIN)
	go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/parsd ./cmd/parsd
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/sessiond ./cmd/parsctl

# A package that go-libp2p pulls in reaches into net on Android, which the
# linker allows with this flag only.
android/%: XLDFLAGS := -checklinkname=0
CROSS := linux/amd64 linux/arm64 linux/arm darwin/arm64 windows/amd64 android/arm64

.PHONY: cross $(CROSS)
cross: $(CROSS) ## build sessiond and parsctl for every system, into bin/SYSTEM/ARCH/

$(CROSS):
	CGO_ENABLED=0 GOOS=$(@D) GOARCH=$(@F) go build -trimpath -ldflags '$(LDFLAGS) $(XLDFLAGS)' -o $(BIN)/$@/ ./cmd/sessiond ./cmd/parsctl

.PHONY: run
run: build ## build and start a development node: RPC on 127.0.0.1:8545, funded accounts, a session node
	@exec $(BIN)/parsd --dev

.PHONY: test
test: deps build ## the gate: vet, every package with the race detector, the real binaries and clients
	go vet -trimpath ./... # the flags of build, so that nothing compiles twice
	PARS_TEST_BIN=$(CURDIR)/$(BIN) go test -race -timeout 18m ./...

.PHONY: test-full
test-full: test ## the gate, then the long tests: all vectors, all flipped bits, all systems, 50 kills; results in docs/results/
	@mkdir -p docs/results
	@set -o pipefail; { echo "# make test-full: commit $(COMMIT), $$(date -u +%F), $$(nproc) cores"; \
	  PARS_TEST_FULL=1 PARS_TEST_BIN=$(CURDIR)/$(BIN) go test -count=1 -timeout 120m ./... 2>&1; } | tee docs/results/test-full.txt

.PHONY: test-vectors
test-vectors: deps ## other people's test vectors: what passed, failed and was left out, by primitive
	@set -o pipefail; go test -count=1 -v -run '^TestVectors' ./precompile/... ./contracts/... ./crypto/... 2>&1 \
	  | awk '/VECTORS/ {sub(/.*VECTORS /, ""); print; next} /^(---)? *FAIL|panic:|^\S+\.go:/ {print > "/dev/stderr"}'

.PHONY: deps
deps: $(patsubst %/package.json,%/node_modules/.package-lock.json,$(wildcard contracts/package.json e2e/clients/package.json internal/aitrain/package.json spec/check/package.json)) ## install the Node packages that tests and contracts use

%/node_modules/.package-lock.json: %/package.json %/package-lock.json
	npm ci --prefix $* --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: lint
lint: $(TOOLS)/golangci-lint $(TOOLS)/govulncheck ## golangci-lint and govulncheck
	$(TOOLS)/golangci-lint run ./...
	$(TOOLS)/govulncheck ./... || { echo "govulncheck: see above; when its database can't be reached, nothing was checked" >&2; exit 1; }

$(TOOLS)/golangci-lint:
	GOBIN=$(CURDIR)/$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

$(TOOLS)/govulncheck:
	GOBIN=$(CURDIR)/$(TOOLS) go install golang.org/x/vuln/cmd/govulncheck@$(VULNCHECK_VERSION)

.PHONY: bench
bench: ## the benchmarks that stand beside hot code
	go test -run '^$$' -bench . -benchmem ./crypto/... ./precompile/... ./evm/... ./session/...

PARS_EDITING_TRACES ?=
.PHONY: bench-crdt
bench-crdt: internal/crdtbench/node_modules/.package-lock.json ## session/crdt beside yjs and loro; PARS_EDITING_TRACES=FOLDER holds a clone of github.com/josephg/editing-traces
	@PARS_EDITING_TRACES="$(PARS_EDITING_TRACES)" go run ./internal/crdtbench
	@PARS_EDITING_TRACES="$(PARS_EDITING_TRACES)" go test -count=1 -run 'Public' ./session/crdt

# PEER=geth or PEER=anvil measures that too. LOAD="..." instead of all this
# measures a node that runs already: LOAD="--rate 500 --http URL".
PEER  ?=
GETH_VERSION := v1.17.10
ANVIL := internal/load/anvil/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil
.PHONY: load
load: build $(if $(filter geth,$(PEER)),$(TOOLS)/geth) $(if $(filter anvil,$(PEER)),internal/load/anvil/node_modules/.package-lock.json) ## measure one node, five and PEER=geth|anvil, or what LOAD="..." says (docs/load.md)
	go build -o $(BIN)/load ./internal/load/cmd/load
	$(BIN)/load $(if $(LOAD),$(LOAD),compare one five $(PEER) --geth $(TOOLS)/geth --anvil $(ANVIL) --json $(BIN)/load.json)

$(TOOLS)/geth:
	GOBIN=$(CURDIR)/$(TOOLS) go install github.com/ethereum/go-ethereum/cmd/geth@$(GETH_VERSION)

.PHONY: generate
generate: ## write the Go code of session/api/session.proto again
	go generate ./session/api

.PHONY: bench-precompiles
bench-precompiles: ## time and gas of every native contract beside ecrecover; rewrites the tables of docs/precompiles/gas.md
	go run ./internal/gasbench -name default -write docs/precompiles/gas.md
	GODEBUG=cpu.sha=off go run ./internal/gasbench -name no-sha -write docs/precompiles/gas.md
	go run -tags purego ./internal/gasbench -name portable -write docs/precompiles/gas.md
