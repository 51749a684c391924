# picket's few verbs. "make help" lists them.
export CGO_ENABLED ?= 0
GO ?= go

.DEFAULT_GOAL := help
.PHONY: help build run test check bench soak property fuzz generate clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build ./picket, one static binary
	$(GO) build -trimpath -o picket ./cmd/picket

run: build ## show the main job in a sandbox of network namespaces (root)
	@tools/debian-packages
	@tools/demo

test: export GOFLAGS += -pgo=off
test: ## vet, lint and test everything, with the race detector; kernel tests as root
	@tools/debian-packages
	$(GO) vet ./...
	tools/lint
	CGO_ENABLED=1 $(GO) test -race -timeout 12m ./...

check: ## the fast part of test: vet, and tests without the race detector
	$(GO) vet ./...
	$(GO) test -short ./...

bench: build ## measure the whole sensor; results as ratios, dated in bench/results
	$(GO) run ./bench

soak: ## the long forms of tests: rotation and kill -9 under load, many addresses, for SOAK (2m) each (root)
	PICKET_SOAK=$${SOAK:-2m} $(GO) test -count=1 -timeout 60m -v -run 'Rotation|ManyAddresses' ./cmd/picket ./rules

property: ## a million hostile requests for bans, and for the other measures that take reach away (REQUESTS)
	PICKET_REQUESTS=$${REQUESTS:-1000000} $(GO) test -count=1 -timeout 60m -v -run 'MillionRequests|EveryKind' ./actions ./actions/shape

fuzz: ## fuzz every target for FUZZTIME (30s) each
	tools/fuzz $${FUZZTIME:-30s}

generate: build ## write generated files anew
	./picket keywords > docs/keywords.md

clean: ## remove what was built
	rm -rf picket out
