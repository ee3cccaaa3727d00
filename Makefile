# Every way to run Concord from a checkout. `make` alone lists them.
# Needs Python 3.11, git and make; everything else comes from the pins.

PYTHON ?= $(shell command -v python3.11 2>/dev/null || command -v python3 2>/dev/null)
PINNER ?= pip-compile
JOBS ?= 2
BIN := .venv/bin
PACKAGES := $(wildcard connector contracts catalog policy consent_ui)
COMPILE := CUSTOM_COMPILE_COMMAND="make pins" $(PINNER) --quiet --no-config --generate-hashes --strip-extras \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links

.DEFAULT_GOAL := help
.PHONY: help setup demo test schedules conformance lint format screenshots bench bench-release-load bench-catalogue bench-negotiation pins clean

help: ## list these targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F '\t' '{printf "  make %-20s %s\n", $$1, $$2}'

setup: .venv/.installed-dev ## make .venv from the pins (done by itself before every other target)

demo: .venv/.installed ## play the whole story and keep the data space running
	$(BIN)/concord demo

# Every process collects the same tests in the same order: sets are ordered by a seed they share, another each time.
test: .venv/.installed-dev ## run every test, JOBS=2 at a time (those that need Chromium skip where there is none)
	@seed=$$(od -An -N2 -tu2 /dev/urandom | tr -d ' '); echo "PYTHONHASHSEED=$$seed"; \
	PYTHONHASHSEED=$$seed $(BIN)/python -m pytest -rs -n $(JOBS) --dist loadfile

conformance: .venv/.installed-dev ## run the Dataspace Protocol's compatibility kit against Concord (needs a JDK 17 and Maven)
	$(BIN)/python -m tests.conformance.kit

schedules: .venv/.installed-dev ## 2,000 random schedules of faults in one process, then 50 with real ones that are killed
	$(BIN)/python -m tests.faults.schedules --count 2000
	$(BIN)/python -m tests.faults.killing --count 50

lint: .venv/.installed-dev ## check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(PACKAGES)

format: .venv/.installed-dev ## rewrite the files in the project's style
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

screenshots: .venv/.installed-dev ## write every page of every role, light, dark and narrow, to screenshots/
	$(BIN)/python -m tests.browser.screenshots

.PHONY: s3 interop bench-edc vectors bench-policy bench-consent fhir fhir-validator bench-release bench-leaks bench-columns bench-deidentify

fhir: .venv/.installed-dev ## Concord reads a real FHIR server (HAPI), by search and by bulk export (needs a JDK 17 and Maven)
	$(BIN)/python -m tests.fhir

fhir-validator: .venv/.installed-dev ## HL7's validator finds nothing in what leaves that was not in what came (SPACE=DIR: of a played demo)
	$(BIN)/python -m tests.fhir.validator $(SPACE)

s3: .venv/.installed-dev ## Concord pushes into a real object store (Versity's S3 gateway, built by Go at its pinned version)
	$(BIN)/python -m tests.servers s3 tests/two_party/test_push_to_store.py

.PHONY: keycloak
keycloak: .venv/.installed-dev ## people sign in at a real Keycloak, fetched by Maven (needs a JDK 17; about five minutes)
	$(BIN)/python -m tests.keycloak

vectors: .venv/.installed-dev ## run every third-party vector and print a score per set (VECTORS=DIR[:DIR] JSON=FILE)
	$(BIN)/python -m tests.vectors --vectors "$(VECTORS)" --json "$(JSON)"

interop: .venv/.installed-dev ## Concord and Eclipse EDC speak to each other, every scenario (needs a JDK and Maven)
	$(BIN)/python -m tests.interop

bench: bench-leaks bench-columns bench-deidentify bench-release-load bench-catalogue bench-negotiation bench-connector bench-policy bench-consent bench-release ## run every bench program

.PHONY: bench-connector
bench-connector: .venv/.installed-dev ## messages and negotiations beside their floors, fsyncs, connections, starting, resting (JSON=FILE)
	$(BIN)/python -m bench.connector $(if $(JSON),--json "$(JSON)")

bench-release: .venv/.installed-dev ## a release beside orjson, in two processes, over HTTP, and its memory for 1 GB (about ten minutes)
	$(BIN)/python -m bench.release

bench-leaks: .venv/.installed-dev ## the leak check beside reading and writing the same records
	$(BIN)/python -m bench.leaks

bench-columns: .venv/.installed-dev ## records as Parquet, beside pyarrow's and duckdb's own ways
	$(BIN)/python -m bench.columns

bench-deidentify: .venv/.installed-dev ## one bundle through POST /api/deidentify, beside a bare echo
	$(BIN)/python -m bench.deidentify_http

bench-release-load: .venv/.installed ## how long a catalogue request and a withdrawal take while 1 GB is released
	$(BIN)/python -m bench.release_load

bench-catalogue: .venv/.installed-dev ## a page, a filtered page and the whole of a catalogue of 10,000 datasets
	$(BIN)/python -m bench.catalogue

bench-negotiation: .venv/.installed-dev ## negotiations between two connectors, one by one and 16 in flight
	$(BIN)/python -m bench.negotiation

bench-policy: .venv/.installed-dev ## the policy evaluator beside cedarpy, and a million consent records beside a bare loop
	$(BIN)/python -m bench.policy

bench-consent: .venv/.installed-dev ## one decision over 50 consents, and 100,000 people with provision trees beside only reading them
	$(BIN)/python -m bench.consent

bench-edc: .venv/.installed-dev ## Concord beside Eclipse EDC, three rounds in turns (needs a JDK and Maven; about 15 minutes)
	$(BIN)/python -m bench.edc

pins: ## resolve pins.txt and pins-dev.txt anew (needs pip-compile on the path)
	@command -v $(PINNER) >/dev/null || { echo "make pins needs pip-compile: install pip-tools in an environment of its own" >&2; exit 2; }
	$(COMPILE) --build-deps-for editable --output-file pins.txt pyproject.toml
	$(COMPILE) --no-annotate --output-file pins-dev.txt pins-dev.in

clean: ## remove what was generated, the environment included; never a data space
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist screenshots
	find $(PACKAGES) tests $(wildcard bench) -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
		echo "Concord runs on Python 3.11 and none was found: install it, or name it with  make setup PYTHON=/path/to/python3.11" >&2; \
		exit 2; }
	"$(PYTHON)" -m venv .venv

.venv/.installed: pins.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r pins.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.installed-dev: pins-dev.txt .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r pins-dev.txt
	@touch $@
