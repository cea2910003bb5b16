# `make help` lists the targets. Two of them are all that a newcomer needs:
# `make demo` and `make test`.
.DEFAULT_GOAL := help
CLUSTER = cargo --locked run -q -p unstall-integration --bin cluster --

.PHONY: help demo demo-down test check bench bench-plan bench-fleet sim plant fleet proof cluster-up cluster-down cluster-status generate fuzz mutate

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## a real stall, found, cured and proven on a real cluster (root; KEEP=1 keeps the cluster)
	@.ci/demo

demo-down: ## take down the cluster that KEEP=1 kept
	@$(CLUSTER) down --name demo

test: ## every test; ends with totals
	@.ci/test

check: ## what this machine's own kernel says; no cluster, no root
	@cargo --locked run -q -p node-probe --no-default-features -- check

bench: ## what the probe costs, beside the least that it could (15 min; root; ONLY="cycle walk")
	@RUSTFLAGS="-C target-feature=+crt-static" cargo --locked bench -q -p node-probe --bench cost \
		--target $$(rustc -vV | sed -n 's/^host: //p') -- $(ONLY)

bench-plan: ## how much CPU a plan takes at 1,000, 5,000 and 15,000 nodes
	@cargo --locked bench -q -p unstall-decide --bench plan

bench-fleet: ## what the controller costs beside 5,000 played nodes on a real API server (25 min; root)
	@cargo --locked bench -q -p unstall-integration --bench fleet

sim: ## the controller in worlds that are played, each of one seed (ARGS="--seeds 1000", ARGS="--seed 17")
	@cargo --locked run -q --profile sim -p unstall-integration --features sim --bin sim -- $(ARGS)

plant: ## plant 53 mistakes into a copy of the code, one at a time: does the simulator find them? (ONLY="budget", ARGS="--seeds 100")
	@cargo --locked run -q --profile sim -p unstall-integration --features sim --bin plant -- $(ARGS) "$(ONLY)"

fleet: ## a kernel rolled through three machines that really reboot, as a live table (root; 12 min)
	@.ci/fleet

proof: ## what CI has no time for: every fleet test, soak, planted faults, 100,000 worlds (root; PARTS="rollout luck")
	@.ci/proof

cluster-up: ## a real cluster with this machine as its node
	@$(CLUSTER) up

cluster-down: ## take it down, leaving nothing
	@$(CLUSTER) down

cluster-status: ## what clusters of ours this machine runs
	@$(CLUSTER) status

generate: ## write the CRDs from the types
	@cargo --locked run -q -p unstall-crds --features generate --bin crdgen

fuzz: ## feed every reader of the probe what a fuzzer thinks of (18 targets, SECONDS_EACH=600; resumable)
	@node-probe/fuzz/run

mutate: ## take each rule, check and reason away in turn: which test turns red? (4 min; ONLY=rules)
	@cargo --locked run -q -p unstall-integration --features mutate --bin mutate -- $(ONLY)
