# The commands that the build server runs are the ones that people run.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GOLANGCI_VERSION := v2.15.0
TOOLS := $(CURDIR)/.cache/bin
GOLANGCI := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)

FUZZ_TIME ?= 10s

.PHONY: help check lint format test race fuzz bench bench-restore integration demo docs

help: ## Show these targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

check: lint test ## What to run before a commit: lint and test.

lint: $(GOLANGCI) ## Run the linters and check the formatting.
	$(GOLANGCI) run ./...

format: $(GOLANGCI) ## Format the Go files.
	$(GOLANGCI) fmt

test: ## Run all tests that need nothing but Go.
	go test ./...

race: ## Run them shuffled, with the race detector.
	go test -race -shuffle=on ./...

fuzz: ## Run each fuzz target for a while (FUZZ_TIME=10s).
	GO_FUZZ_TIME=$(FUZZ_TIME) .ci/run fuzz

bench: ## Run the benchmarks; compare with benchstat over 6 runs or more.
	go test -run '^$$' -bench . -benchmem ./...

bench-restore: ## Restore 1,000,000 keys into this store and into goka's, in one run.
	go test -run '^$$' -bench Restore -benchtime 3x ./topology/internal/restore

integration: ## Run the end-to-end tests on a real Kafka broker (needs Java and Maven).
	.ci/run kafka

demo: ## Run the reference topology on 20,000 flights.
	go run ./cmd/gokavro demo

docs: ## Check that names are documented, links resolve and the pages' code compiles.
	go test -count=1 -run 'Documented|Markdown|Blocks|Readme|Shell' ./integration

# One binary a version, so that a new pin is never served by the old one.
$(GOLANGCI):
	mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv $(TOOLS)/golangci-lint $@
