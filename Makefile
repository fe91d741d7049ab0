# The front door: `make` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
export RETINA_AGENT_IMAGE ?= localhost/kubectl-retina/capture:dev

.PHONY: help demo demo-local test test-unit test-contract test-local test-e2e test-release release build image cluster-up cluster-down \
  lint format bench bench-long deps clean deps-local deps-release image-load pcap-filter stores \
  image-archive image-push verify-release release-notes krew-manifest release-tools

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

demo: cluster-up image-load ## captures packets in a real Kubernetes cluster on this machine, step by step
	@scripts/demo

demo-local: deps-local build ## captures packets on this machine alone
	@scripts/demo-local

test: deps ## every check and every test, the real cluster included; the last line counts them
	@node scripts/test.ts lint unit contract build local e2e

test-unit: deps-local ## the quick tests
	@node scripts/test.ts unit

test-contract: deps-local ## tests of what client and pod must agree on
	@node scripts/test.ts contract

test-local: deps-local ## tests with the real tcpdump of this machine (needs root)
	@node scripts/test.ts local

test-e2e: deps ## tests in the real cluster (needs root)
	@node scripts/test.ts e2e

test-release: deps ## tests of a release: makes it twice, and installs it with Krew (needs root)
	@node scripts/test.ts release

build: deps-local ## dist/kubectl-retina, the program as one file
	@node scripts/build.ts

release: deps-release ## dist/release: archives for six platforms, checksums, Krew's manifest, the image; checked (needs root)
	@node scripts/release.ts
	@node scripts/verify-release.ts

image: deps build ## dist/capture-image.tar, the image that captures on the nodes
	@scripts/image

image-archive: deps-release build ## dist/release/…oci.tar, the image for amd64 and arm64 as a file that registries import
	@node scripts/build.ts linux-arm64
	@scripts/image
	@scripts/image arm64
	@scripts/image-archive

image-push: ## pushes that file into the registry of IMAGE (default: captureImage of package.json; needs skopeo)
	@scripts/image-push $(IMAGE)

verify-release: deps-local ## checks what dist/release holds: checksums, papers, versions, Krew's manifest
	@RELEASE_TAG=$(RELEASE_TAG) node scripts/verify-release.ts

release-notes: ## dist/release-notes.md, the newest section of the changelog
	@scripts/release-notes

krew-manifest: deps-local ## krew-manifest.yaml, for the version and the platforms of now
	@node scripts/krew-manifest.ts

cluster-up: deps ## starts a real Kubernetes cluster on this machine (the first time, builds it: 20 minutes)
	@scripts/step "test cluster" test/cluster/up

cluster-down: ## ends the cluster; nothing is left but what was built
	@scripts/step "test cluster: down" test/cluster/down

lint: deps ## formatting, rules, types and shell scripts
	@node scripts/test.ts lint

format: deps-local ## formats the sources
	@biome check --write --error-on-warnings .

bench: cluster-up image-load stores ## measurements, each beside what a user would use instead; bench/RESULTS.md (an hour)
	@bench/run

bench-long: build stores ## measurements that take longer: a tarball of 42 GB, packets as fast as they come; into the same file
	@node bench/long-upload.bench.ts
	@node bench/delivery.bench.ts 1000 0

pcap-filter: ## builds src/bpf/pcap-filter.json, libpcap's filter compiler, from Debian's source package
	@scripts/pcap-filter/build

deps: ## installs what is missing: Debian and npm packages
	@scripts/deps

clean: ## removes what was built here (not the caches in ~/.cache)
	@rm -rf dist

deps-release:
	@scripts/deps --release

deps-local:
	@scripts/deps --local

release-tools: deps-release
	@scripts/step "Krew, a registry (the first time, builds Krew: 2 minutes)" test/release/tools

stores:
	@scripts/step "storage servers (the first time, builds them: 5 minutes)" test/stores/build

image-load: cluster-up image
	@scripts/step "capture image into the nodes" scripts/image-load
