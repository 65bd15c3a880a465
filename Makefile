# Everything a newcomer needs: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCKS := requirements/run.txt requirements/dev.txt
SUPPLY := build/supply
JOBS ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo test check faults power fuzz safety attacks utility accuracy bench curves peers deb deb-test sbom audit lock schema clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed; $(PYTHON) is `$(PYTHON) --version`. Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "Python's venv module is missing. On Debian: sudo apt-get install python3-venv"; exit 1; }
	@echo "Setting up $(VENV) (a minute or so)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## simulated plants, broker, agents and hub, checked against the simulated truth
	@$(BIN)/sidestream demo

test: $(READY) ## the whole suite; says what it left out and how to get it
	@$(BIN)/pytest -n $(JOBS) --dist worksteal

check: $(READY) ## formatting, lint, types, import direction
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

faults: $(READY) ## the long fault campaigns, an hour and a half (ROUNDS=, SEED=, ONLY=, RESUME=1; some need root)
	@$(BIN)/python -m tests.faults --seed $${SEED:-1} $${ROUNDS:+--rounds $$ROUNDS} $${ONLY:+--only $$ONLY} $${RESUME:+--resume}

safety: $(READY) ## random tables against the disclosure oracle: no unsafe cell may be released (TABLES=, SEED=)
	@$(BIN)/python -m bench.safety --tables $${TABLES:-100000} --seed $${SEED:-1}

attacks: $(READY) ## attack simulated clusters with all cells, all traffic and public tonnages (SEEDS=, WEEKS=)
	@$(BIN)/python -m bench.attacks --seeds $${SEEDS:-3} --weeks $${WEEKS:-52}

utility: $(READY) ## how much of cluster-years is released, and in how much detail (SEEDS=)
	@$(BIN)/python -m bench.utility --seeds $${SEEDS:-3}

power: $(READY) ## cut the power at every point of what agent and hub write (CUTS=, SEED=; needs strace, mosquitto)
	@$(BIN)/python -m tests.faults.power --cuts $${CUTS:-3000} --seed $${SEED:-1}

fuzz: $(READY) ## feed each way in with what nobody should send; pip install atheris for the long run (TIME=, ONLY=)
	@$(BIN)/python -m tests.fuzz --time $${TIME:-60} $(if $(ONLY),--only $(ONLY))

accuracy: $(READY) ## a year of readings each second through every meter (DAYS=)
	@$(BIN)/python -m bench.accuracy --days $${DAYS:-365}

bench: $(READY) ## each figure that has a goal, beside its floor of the same run; 10 minutes (FULL=1: 25, ONLY=)
	@$(BIN)/python -m bench $(if $(FULL),--full) $(if $(ONLY),--only $(ONLY))

curves: $(READY) ## measure how agent and hub grow, and draw docs/growth.svg (a quarter of an hour)
	@$(BIN)/python -m bench.curves

peers: $(READY) ## other gateways beside the agent, installed into build/peers (ten minutes; needs the network)
	@$(BIN)/python -m bench.peers

deb: $(READY) ## build the Debian 12 package in dist (VERSION=)
	@$(BIN)/python -m deploy.deb $(if $(VERSION),--version $(VERSION))

deb-test: deb ## install the package in a container, hang it, upgrade and purge it (root, five minutes)
	@SIDESTREAM_DEB=$$(ls -t dist/*.deb | head -1) $(BIN)/pytest -p no:xdist tests/package

$(SUPPLY)/.ready: requirements/supply.txt
	@$(PYTHON) -m venv $(SUPPLY)
	@$(SUPPLY)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/supply.txt
	@touch $@

sbom: $(SUPPLY)/.ready ## write what the package is made of, with hashes, to dist (CycloneDX JSON)
	@mkdir -p dist
	@$(SUPPLY)/bin/cyclonedx-py requirements requirements/package.txt --pyproject pyproject.toml \
	  --mc-type application --output-reproducible --output-format JSON --output-file dist/sidestream.cdx.json
	@echo dist/sidestream.cdx.json

audit: $(READY) $(SUPPLY)/.ready ## ask for known vulnerabilities of what is locked (needs the network)
	@$(BIN)/python -m deploy.audit $(SUPPLY)/bin/pip-audit

lock: $(READY) ## refresh the hashed requirement files (needs uv: pip install uv)
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 pyproject.toml -o requirements/run.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 --extra influx --extra report pyproject.toml -o requirements/package.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 --all-extras --group dev pyproject.toml -o requirements/dev.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 --group pyproject.toml:supply -o requirements/supply.txt

schema: $(READY) ## write docs/schema and the generated references anew
	@$(BIN)/python -m config.documents
	@$(BIN)/python -m gateway.schemas

clean: ## remove the virtual environment and build output
	rm -rf $(VENV) build dist demo-run fuzz-run .mypy_cache .ruff_cache .pytest_cache .hypothesis
