# SPDX-License-Identifier: BSD-3-Clause
#
# The few commands of everyday work; CMake and tools/setup.sh do the work itself. Every target may
# be called in a fresh clone, and does nothing that is already done.

BUILD   := build/release
PY      := .venv/bin/python
JOBS    ?= $(shell getconf _NPROCESSORS_ONLN)
# Warnings are errors in CI: `make test TG_WERROR=ON` or the same in the environment.
TG_WERROR ?= OFF
C_FILES  = $(shell git ls-files --cached --others --exclude-standard '*.c' '*.h')

.DEFAULT_GOAL := help
.PHONY: help setup build demo test sim chaos bench asan tsan fuzz headers format format-check tidy clean deps

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# Configures build/<preset> ($1) when it is new, or when the preset or the options ($2) changed.
# What has changed in CMake's own files, ninja finds by itself.
define configure
@key="$$(echo '$2' | cat - CMakePresets.json | cksum)"; \
if [ "$$key" != "$$(cat build/$1/.configured 2>/dev/null)" ]; then \
    cmake --preset $1 $2 && echo "$$key" > build/$1/.configured; \
fi
endef

deps:
	@tools/setup.sh

build: deps
	$(call configure,release,-DTG_PYTHON=ON -DPython_EXECUTABLE=$(CURDIR)/$(PY) -DTG_WERROR=$(TG_WERROR))
	@cmake --build $(BUILD) -j $(JOBS)
	@$(PY) tools/dev_install.py $(BUILD)

setup: build ## install what is needed, build, and make .venv ready to use

demo: build ## the example examples/foam.py
	$(PY) examples/foam.py

test: build ## all tests, C and Python
	@cd $(BUILD) && ctest --output-on-failure -j $(JOBS)
	@# 5: pytest found no test, which is no failure
	$(PY) -m pytest -q || [ $$? = 5 ]

sim: build ## simulated clusters: SEEDS=<n> of them, FROM=<seed>; or SEED=<seed> with every event
	@$(BUILD)/tests/sim/test_sim $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),500) $(FROM))

chaos: build ## real clusters that are hurt: ROUNDS=<n>, SEED=<s>, ONLY=<scenario>
	$(PY) tests/chaos/chaos.py $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only $(ONLY))

bench: build ## measure against the peers; ONLY=<name> for one of them
	@tools/setup.sh bench
	@cmake --build $(BUILD) -j $(JOBS) --target benchmarks
	@$(PY) tools/dev_install.py $(BUILD) --venv .venv-bench
	.venv-bench/bin/python benchmarks/run.py $(if $(ONLY),--only $(ONLY))

asan: deps ## C tests under AddressSanitizer and UndefinedBehaviorSanitizer
	$(call configure,asan,-DTG_WERROR=$(TG_WERROR))
	@cmake --build build/asan -j $(JOBS)
	@cd build/asan && ctest --output-on-failure -j $(JOBS)

tsan: deps ## the threaded C tests (labels child, data, exec, profile, session, spill) under ThreadSanitizer
	$(call configure,tsan,-DTG_WERROR=$(TG_WERROR))
	@cmake --build build/tsan -j $(JOBS)
	@cd build/tsan && ctest --output-on-failure -L '^(child|data|exec|profile|session|spill)$$'

# _Float16 wants clang 15; Debian's `clang` may be an older one than those beside it.
CLANG = $(shell for v in 21 20 19 18 17 16 15; do command -v clang-$$v && exit; done; echo clang)

fuzz: deps ## build the fuzzers with libFuzzer (needs clang 15) into build/fuzz
	$(call configure,fuzz,-DCMAKE_C_COMPILER=$(CLANG))
	@cmake --build build/fuzz -j $(JOBS)

headers: build ## write what is made from the table of ops: C functions, Python stubs
	$(PY) python/make_ops_header.py
	$(PY) python/make_stubs.py

format: ## clang-format every C file
	@tools/setup.sh format
	@clang-format -i $(C_FILES)

format-check: ## fail if `make format` would change a file
	@tools/setup.sh format
	@clang-format --dry-run --Werror $(C_FILES)

tidy: build ## the rules of tools/tidy.py, then clang-tidy
	@tools/setup.sh tidy
	@$(PY) tools/tidy.py --strict
	@$(PY) tools/clang_tidy.py $(BUILD) -j $(JOBS)

clean: ## remove the builds; the Python environments stay
	rm -rf build
