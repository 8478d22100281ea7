# The commands that the build server runs are the ones that people run.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GOLANGCI_VERSION := v2.15.0
TOOLS := $(CURDIR)/.cache/bin
GOLANGCI := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)

FUZZ_TIME ?= 10s
BENCH_RECORDS ?= 1000000
BENCH_PORT ?= 29292

BENCH_COUNT ?= 6
AVRO_BENCHES := ./codecs/avro/internal/plan ./codecs/avro

.PHONY: help check lint format test race fuzz bench throughput bench-avro bench-java bench-restore integration chaos soak stormy-soak demo docs

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

bench: ## Run the benchmarks (compare 6 runs or more with benchstat), then compare with plain goka on Kafka.
	go test -run '^$$' -bench . -benchmem ./...
	$(MAKE) --no-print-directory throughput

throughput: ## Run plain goka and the runner side by side on a real broker (BENCH_RECORDS=1000000).
	export KAFKA_PORT=$(BENCH_PORT) KAFKA_DATA=$$(mktemp -d); trap 'integration/kafka.sh stop; rm -rf "$$KAFKA_DATA"' EXIT; export $$(integration/kafka.sh start); \
	  go test -count=1 -v -timeout 1h -run SideBySide ./integration/bench -bench.records=$(BENCH_RECORDS)

bench-avro: ## Measure the Avro codecs against hand-written code and other libraries (BENCH_COUNT=6).
	go test -run '^$$' -bench '^BenchmarkUser' -benchmem -benchtime 20000x -count $(BENCH_COUNT) $(AVRO_BENCHES)
	go test -run '^$$' -bench '^BenchmarkOrder' -benchmem -benchtime 500x -count $(BENCH_COUNT) $(AVRO_BENCHES)

bench-java: ## Compare CPU time with Java's Avro (needs a JDK and Maven).
	integration/bench-java.sh

bench-restore: ## Restore 1,000,000 keys into this store and into goka's, in one run.
	go test -run '^$$' -bench Restore -benchtime 3x ./topology/internal/restore

integration: ## Run the end-to-end tests on a real Kafka broker (needs Java and Maven).
	.ci/run kafka

chaos: ## Disturb processes, broker and registry for an hour, ten seeds (needs Java and Maven).
	go test -count=1 -v -timeout 4h -run 'OnKafka|FiveKills' ./integration/chaos -chaos.long

soak: ## Run one process under a steady load for ten minutes and show what it uses (needs Java and Maven).
	REQUIRE_KAFKA=1 go test -count=1 -v -timeout 1h -run StaysAsSmall ./integration/chaos -chaos.soak=10m

stormy-soak: ## The same for 30 minutes, while brokers, registry and the process fail: the nightly form.
	REQUIRE_KAFKA=1 go test -count=1 -v -timeout 2h -run StaysAsSmall ./integration/chaos -chaos.soak=30m -chaos.stormy

demo: ## Run the reference topology on 20,000 flights.
	go run ./cmd/gokavro demo

docs: ## Check that names are documented, links resolve and the pages' code compiles.
	go test -count=1 -run 'Documented|Markdown|Blocks|Readme|Shell' ./integration

# One binary a version, so that a new pin is never served by the old one.
$(GOLANGCI):
	mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv $(TOOLS)/golangci-lint $@
