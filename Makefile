# The one entrance. `make help` lists the verbs.
#
# Everything Python lives in .venv; nothing else on the machine is touched. Each stamp below .venv/stamps
# says that a step is done, so a second call does only what has changed.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMPS := $(VENV)/stamps
# Peers of the race have a place of their own: what they need may not fit what the tests need.
PEERS_VENV := build/peers
# What would be published, and the tests of it. The oldest NumPy that pyproject.toml allows is not there for newer Pythons.
PACKED := build/packed
OLDEST_PYTHON ?= python3.11
TESTS_OF_PACKAGES := tests/python/test_sklearn_*.py tests/python/test_import.py tests/python/test_gallery.py \
    tests/python/test_against_reference.py tests/python/test_optimizers.py
SOURCE := Cargo.toml pyproject.toml $(shell find src -name '*.rs')
# Set in some environments, these slow NumPy down and would flatter every comparison with it.
unexport OPENBLAS_CORETYPE OPENBLAS_L2_SIZE

.PHONY: help demo pictures build build-tests test test-rust test-python lint fmt bench bench-peers bench-solvers bench-models \
        bench-guard bench-guard-record docs docs-check docs-rust docs-environment sdist wheel wheel-check test-of-wheel test-of-sdist check clean need-cargo \
        need-python

help:            ## list the verbs
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:  +##' $(MAKEFILE_LIST) | sed -E 's/:.*## / \t/' | expand -t 20

demo: build $(STAMPS)/demo  ## train on real digits, print the tables, draw three pictures in build/pictures
	$(BIN)/python -m mbgd_rs demo --folder build/pictures

pictures: build $(STAMPS)/demo  ## the same, but redraw the pictures of the README, in docs
	$(BIN)/python -m mbgd_rs demo --folder docs

build: $(STAMPS)/build  ## the package, in release, in .venv

test: test-rust test-python  ## all tests

build-tests: need-cargo  ## compile the tests of the Rust core
	cargo test --lib --tests --no-run

test-rust: need-cargo  ## tests of the Rust core
	cargo test --lib --tests
	cargo test --doc

test-python: build $(STAMPS)/test  ## tests of the package: those of time and processes, then all others, as many at once as there are cores
	$(BIN)/python -m pytest -m alone
	$(BIN)/python -m pytest -m "not alone" --numprocesses auto --maxprocesses 8 --dist worksteal

lint: need-cargo build $(STAMPS)/lint $(STAMPS)/test  ## everything that can be said without running it
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo clippy --all-targets --features python -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --quiet
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd python && ../$(BIN)/python -m mypy.stubtest mbgd_rs._core

fmt: need-cargo $(STAMPS)/lint  ## format all code
	cargo fmt
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: build $(STAMPS)/test  ## measure single parts, and epochs of linear and other models beside NumPy and scikit-learn; print the ratios
	cargo bench
	PYTHONPATH=python:benches $(BIN)/python -m race --rounds 3 --output build/bench \
	    --races dense sparse softmax batches call
	PYTHONPATH=python:benches $(BIN)/python -m race.models --rounds 3 --output build/bench

bench-peers: build $(PEERS_VENV)/made  ## race all peers, epoch by epoch; write benches/RESULTS.md and the pictures and numbers of README.md
	PYTHONPATH=benches $(PEERS_VENV)/bin/python -m race.install
	cargo bench --bench limit -- $(LIMIT) > target/limit.txt
	PYTHONPATH=python:benches $(PEERS_VENV)/bin/python -m race --limit target/limit.txt $(RACE)

# Of the race: make bench-solvers SETS="well a9a" SOLVERS="mbgd_rs '*lbfgs'" ROUNDS=2 SECONDS=10
bench-solvers: build $(PEERS_VENV)/made  ## the race in time to a loss; write benches/TIME_TO_LOSS.md and its part of README.md
	PYTHONPATH=benches $(PEERS_VENV)/bin/python -m race.install
	PYTHONPATH=python:benches $(PEERS_VENV)/bin/python -m race.solvers \
	    $(if $(SETS),--sets $(SETS)) $(if $(SOLVERS),--peers $(SOLVERS)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
	    $(if $(SECONDS),--seconds $(SECONDS))

# Of the race: make bench-models TASKS="digits clicks" TRAINERS="mbgd_rs 'JAX*'" ROUNDS=2
bench-models: build $(PEERS_VENV)/made  ## the race of networks and factorization machines; write benches/MODELS.md and its part of README.md
	PYTHONPATH=benches $(PEERS_VENV)/bin/python -m race.install
	PYTHONPATH=python:benches $(PEERS_VENV)/bin/python -m race.models \
	    $(if $(TASKS),--tasks $(TASKS)) $(if $(TRAINERS),--peers $(TRAINERS)) $(if $(ROUNDS),--rounds $(ROUNDS))

bench-guard: need-cargo need-python  ## count instructions of a step; fail if one has grown by more than 3 %
	$(PYTHON) benches/python/instruction_counts.py

bench-guard-record: need-cargo need-python  ## count them, and write benches/instruction_counts.json
	$(PYTHON) benches/python/instruction_counts.py --record

# Rust's documentation is built beside pip and the release build, which leave cores idle. The site comes after them,
# because the pages of its gallery measure times.
docs: need-cargo $(STAMPS)/venv  ## the documentation: site in docs/_build/html, Rust in target/doc; a warning fails
	@$(MAKE) --jobs --no-print-directory docs-rust docs-environment
	rm -rf docs/api docs/gallery
	$(BIN)/python -m sphinx -W --keep-going -q -j auto -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

docs-check: docs-environment  ## the site in build/site without running its pages; a warning fails
	$(BIN)/python -m sphinx -W --keep-going -q -D plot_gallery=0 -b html docs build/site

docs-rust: need-cargo
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --quiet

docs-environment:
	@$(MAKE) --no-print-directory $(STAMPS)/docs
	@$(MAKE) --no-print-directory build

# Unpacked with the time of now: by that of the archive cargo would take a file that has changed for one that has not.
sdist: need-cargo $(STAMPS)/venv $(STAMPS)/pack  ## the source distribution, in build/packed; fails if it lacks a file or PyPI would refuse it
	rm -rf $(PACKED)
	$(BIN)/maturin sdist --out $(PACKED)
	mkdir $(PACKED)/source
	tar --touch -xzf $(PACKED)/*.tar.gz -C $(PACKED)/source --strip-components=1
	@git ls-files | while read -r file; do test -e "$(PACKED)/source/$$file" || echo "$$file"; done > build/missing
	@test ! -s build/missing || { echo "The source distribution lacks:"; cat build/missing; exit 1; }
	$(BIN)/twine check --strict $(PACKED)/*.tar.gz

# Without the line tables, which are there for perf, it is a third of the size.
wheel test-of-sdist: export MATURIN_STRIP = true
wheel test-of-sdist: export CARGO_TARGET_DIR = $(abspath target)
wheel: sdist  ## the wheel, built from that, beside it; fails if it needs more of Python than 3.11's stable interface
	$(BIN)/maturin build --release --quiet --out $(PACKED) --manifest-path $(PACKED)/source/Cargo.toml
	$(BIN)/abi3audit --strict --summary $(PACKED)/*.whl
	$(BIN)/twine check --strict $(PACKED)/*.whl

# The tests run in the source that was unpacked: it has no compiled core, so that what they import is what was installed.
wheel-check: wheel  ## install the wheel, then the source, into empty environments of the oldest versions; test there
	$(OLDEST_PYTHON) tests/oldest_versions.py > build/oldest.txt
	@$(MAKE) --no-print-directory test-of-wheel test-of-sdist

test-of-wheel: PACKAGE = $(PACKED)/*.whl
# Of the folder instead of the archive, which pip would unpack elsewhere: cargo then has built it already.
test-of-sdist: PACKAGE = ./$(PACKED)/source
test-of-wheel test-of-sdist: test-of-%:
	rm -rf build/of-$*
	$(OLDEST_PYTHON) -m venv build/of-$*
	build/of-$*/bin/python -m pip install --quiet --upgrade pip
	build/of-$*/bin/python -m pip install --quiet -r build/oldest.txt $(PACKAGE)
	cd $(PACKED)/source && ../../of-$*/bin/python -m pytest -q $(TESTS_OF_PACKAGES)

check: lint test  ## what CI runs

clean:           ## remove everything that was built
	rm -rf $(VENV) target build dist .pytest_cache .mypy_cache .ruff_cache docs/_build docs/api docs/gallery
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f python/mbgd_rs/_core*.so

need-cargo:
	@command -v cargo >/dev/null || { echo "mbgd_rs needs Rust 1.89 or later: install it from https://rustup.rs and call make again."; exit 1; }

need-python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "mbgd_rs needs Python 3.11 or later: set PYTHON=/path/to/python3.11 and call make again."; exit 1; }

$(STAMPS)/venv: | need-python
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip "maturin>=1.9.4,<2"
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/build: $(STAMPS)/venv $(SOURCE) | need-cargo
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --release --quiet
	@touch $@

$(PEERS_VENV)/made: | need-python
	$(PYTHON) -m venv $(PEERS_VENV)
	$(PEERS_VENV)/bin/python -m pip install --quiet --upgrade pip numpy
	@touch $@

$(STAMPS)/demo: $(STAMPS)/venv pyproject.toml
	$(BIN)/python -m pip install --quiet "matplotlib>=3.8" "scikit-learn>=1.6"
	@touch $@

$(STAMPS)/test $(STAMPS)/lint $(STAMPS)/docs $(STAMPS)/pack: $(STAMPS)/%: $(STAMPS)/venv pyproject.toml
	$(BIN)/python -m pip install --quiet --group $*
	@touch $@
