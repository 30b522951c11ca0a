# `make run` starts the demo, `make test` runs every test. Each installs what it needs and says what it does.
.PHONY: run test fuzz bench clauses codegen setup-run setup-test

run: ; @scripts/run
test: ; @scripts/test

# Ten minutes a target.
fuzz: ; @scripts/fuzz 600
bench: ; @scripts/bench

# Switches each kept clause of the policy off and wants to see a test fail.
clauses: ; @scripts/clauses
codegen: ; @cargo xtask codegen

setup-run: ; @scripts/setup run
setup-test: ; @scripts/setup test
