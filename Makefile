# `make` alone prints what there is. Only the Go toolchain is needed, but for the targets that say otherwise.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# The binary is compiled by a profile of what it spends its time on, cmd/gatemeter/default.pgo. For tests all would be compiled a second
# time for it.
export GOFLAGS := $(GOFLAGS) -pgo=off
BUILD := CGO_ENABLED=0 $(GO) build -pgo=auto -trimpath -ldflags '-s -w -X main.version=$(VERSION)'

# How much each fuzz target tries in `make test`. A number of inputs, because a time that runs out in the midst of one is
# sometimes reported as a failure.
FUZZTIME ?= 3000x

# Packages whose tests start real servers or drive the built binary.
SERVERS := ./internal/servers ./internal/e2e

.PHONY: help
help: ## print this
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## generated traffic through the whole pipeline; SECONDS=20 ends it after so long
	@bin/gatemeter demo $(if $(SECONDS),--seconds $(SECONDS))

.PHONY: build
build: ## bin/gatemeter, one static binary
	$(BUILD) -o bin/gatemeter ./cmd/gatemeter

.PHONY: test
test: install-servers lint test-unit test-allocations test-fuzz test-e2e ## everything but the large runs; needs Debian 12 and apt-get for its servers

.PHONY: test-unit
test-unit: ## unit, property and golden tests under the race detector; needs a C compiler
	$(GO) test -race -timeout 20m $$($(GO) list ./... | grep -vxE "$$($(GO) list $(SERVERS) | paste -sd '|')")

# With the profile calls are put in line that are not without, and what is passed to them may then have to be allocated.
.PHONY: test-allocations
test-allocations: ## that steady state allocates nothing, in code that is compiled as the binary is
	@files=$$(grep -rl --include='*_test.go' AllocsPerRun parsers pipeline sinks sources); \
	tests=$$(awk '/^func Test/ { sub(/\(.*/, "", $$2); name = $$2 } /AllocsPerRun/ { print "^" name "$$" }' $$files | sort -u | paste -sd '|'); \
	$(GO) test -pgo=$(CURDIR)/cmd/gatemeter/default.pgo -run "$$tests" $$(dirname $$files | sort -u | sed 's|^|./|')

# A target is found by its name; the package that has it by go test -list, so none can be forgotten. Two at a time, as one uses
# little more than a core. Inputs of new coverage are hardly made smaller: by itself that takes up to a minute for each, nearly all the time.
.PHONY: test-fuzz
test-fuzz: ## each fuzz target for a moment; FUZZTIME=1000000x for longer
	@for folder in $$(grep -rlE --include='*_test.go' '^func Fuzz' . | xargs -r -n1 dirname | sort -u); do \
	  $(GO) test -list '^Fuzz' $$folder | grep ^Fuzz | sed "s|^|$$folder |"; \
	done | xargs -P 2 -L 1 bash -c 'out=$$($(GO) test -run "^$$" -parallel 1 -fuzz "^$$1\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$0 2>&1) \
	  && echo "fuzz $$0 $$1: ok" || { echo "fuzz $$0 $$1"; echo "$$out"; exit 255; }'

.PHONY: test-e2e
test-e2e: build ## the binary against real nginx, Graphite, StatsD and Elasticsearch
	$(GO) test -count=1 -p 1 -parallel 4 -timeout 40m $(SERVERS)

.PHONY: e2e-large
e2e-large: build ## a million generated lines, killed ten times on the way, and 50,000 of nginx, against the oracle; half an hour
	GATEMETER_E2E_LINES=1000000 $(GO) test -count=1 -v -timeout 60m -run '^TestGenerated|^TestNginxUnderLoad' ./internal/e2e

.PHONY: fault
fault: ## each fault of files, process and servers at large; two hours; writes bench/results/faults.md
	@mkdir -p bench/results
	GATEMETER_E2E_FAULTS=large GATEMETER_E2E_OUTCOMES=$(CURDIR)/bench/results/faults.md \
	  $(GO) test -count=1 -v -timeout 150m -run '^TestFault|^TestKilledAt|^TestAnswersLost|^TestRecordsAgain|^TestKafka$$|^TestSyslogKilled|^TestPostsAre' ./internal/e2e

SOAK ?= 1h
SOAK_RATE ?= 3000

.PHONY: soak
soak: ## hours of traffic, rotations, outages and reloads; SOAK=8h SOAK_RATE=20000; writes bench/results/soak.md
	@mkdir -p bench/results
	GATEMETER_SOAK=$(SOAK) GATEMETER_SOAK_RATE=$(SOAK_RATE) GATEMETER_SOAK_RESULT=$(CURDIR)/bench/results/soak.md \
	  $(GO) test -count=1 -v -timeout 48h -run '^TestSoak$$' ./internal/e2e

# What `make bench` times; PEERS=FOLDER has the binaries vector, fluent-bit, prometheus-nginxlog-exporter.
BENCH_SIZE ?= 1GB
BENCH_PEER_SIZE ?= 200MB
BENCH_ROUNDS ?= 5
BENCH_NAME ?= latest

.PHONY: bench
bench: ## time the binary on 1 GB logs beside wc, mawk and other tools; docs/performance.md
	$(BUILD) -o bench/data/gatemeter ./cmd/gatemeter
	$(GO) run ./bench -binary bench/data/gatemeter -size $(BENCH_SIZE) -peer-size $(BENCH_PEER_SIZE) -rounds $(BENCH_ROUNDS) \
	  -name $(BENCH_NAME) -peers "$(PEERS)"

.PHONY: profile
profile: ## what the compiler makes the binary quicker by, anew: cmd/gatemeter/default.pgo; two minutes
	$(BUILD) -o bench/data/gatemeter ./cmd/gatemeter
	$(GO) run ./bench -binary bench/data/gatemeter -size 300MB -profile cmd/gatemeter/default.pgo \
	  -formats nginx_timed,kong,traefik_json,envoy_json,istio_json,caddy,aws_apigw_json,tyk_pump

# A million messages are 200 MB on the broker's disk; each rate of datagrams is kept for so many seconds.
BENCH_MESSAGES ?= 2000000
BENCH_DOCUMENTS ?= 200000
BENCH_TURNS ?= 3
BENCH_SECONDS ?= 4

.PHONY: bench-kafka
bench-kafka: ## Kafka to metrics, beside what reading alone costs; some minutes; writes bench/results/kafka.md
	@mkdir -p bench/results
	GATEMETER_BENCH_KAFKA=$(CURDIR)/bench/results/kafka.md GATEMETER_BENCH_MESSAGES=$(BENCH_MESSAGES) GATEMETER_BENCH_ROUNDS=$(BENCH_TURNS) \
	  $(GO) test -count=1 -v -timeout 30m -run '^TestBenchKafka$$' ./internal/e2e

.PHONY: bench-elasticsearch
bench-elasticsearch: ## records into a real Elasticsearch, beside requests made beforehand; writes bench/results/elasticsearch.md
	@mkdir -p bench/results
	GATEMETER_BENCH_ELASTICSEARCH=$(CURDIR)/bench/results/elasticsearch.md GATEMETER_BENCH_DOCUMENTS=$(BENCH_DOCUMENTS) GATEMETER_BENCH_ROUNDS=$(BENCH_TURNS) \
	  $(GO) test -count=1 -v -timeout 30m -run '^TestBenchElasticsearch$$' ./internal/e2e

.PHONY: bench-udp
bench-udp: ## syslog over UDP, a sender with a pace, beside rsyslog and syslog-ng; some minutes; writes bench/results/udp.md
	@mkdir -p bench/results
	GATEMETER_BENCH_UDP=$(CURDIR)/bench/results/udp.md GATEMETER_BENCH_SECONDS=$(BENCH_SECONDS) GATEMETER_BENCH_ROUNDS=$(BENCH_TURNS) \
	  $(GO) test -count=1 -v -timeout 30m -run '^TestBenchUDP$$' ./internal/e2e

.PHONY: bench-micro
bench-micro: ## Go's benchmarks of parsing, counting and encoding
	$(GO) test -run '^$$' -bench . -benchtime 0.5s ./parsers/... ./pipeline/... ./sinks/... ./bench/...

.PHONY: install-servers
install-servers: ## put the servers that tests need on this Debian machine
	@internal/servers/install.sh

.PHONY: lint
lint: ## gofumpt, vet, staticcheck
	@files=$$($(GO) tool gofumpt -l .); if [ -n "$$files" ]; then echo "not formatted, run make fmt:"; echo "$$files"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod tidy -diff

.PHONY: fmt
fmt: ## format the Go code
	$(GO) tool gofumpt -w .

.PHONY: clean
clean: ## remove what make built; the servers stay in the cache
	rm -rf bin bench/data
	$(GO) clean -testcache
