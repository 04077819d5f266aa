# Everything a person needs: `make demo` (bill the sample year), `make test` (all that CI runs).
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help setup demo serve served test test-full lint types dev bench lock clean

help:
	@echo "make demo   bill a year of real flights with the sample books"
	@echo "make test   lint, types, all tests: what CI runs"
	@echo "make test-full  the same with thousands of random cases"
	@echo "make dev    open Dagster on the demo, with its year on record"
	@echo "make serve  take events by HTTP on the sample books, and show the pages"
	@echo "make bench  time every stage beside its yardstick"

# pip brings uv, at the version and hashes of the lock, and uv the rest, compiled so that every command starts in half the time; where
# uv cannot (an index that only pip is told of), pip does the same, slower.
LOCKED_UV = awk '/^uv==/ {found = 1} found {print} found && !/\\$$/ {exit}' requirements.txt
.venv/.installed: requirements.txt pyproject.toml
	@echo "Setting up .venv: the locked requirements, once (about 200 MB to download) …"
	@$(PYTHON) -m venv .venv
	@$(LOCKED_UV) > .venv/uv.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r .venv/uv.txt
	@UV_SYSTEM_CERTS=1 VIRTUAL_ENV=.venv $(BIN)/uv pip install --compile-bytecode --require-hashes -r requirements.txt \
		|| { echo "uv could not install them; pip tries the same, which takes a minute or two …" \
			&& $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.txt \
			&& { $(BIN)/python -m compileall -qq -j 0 .venv/lib || true; }; }
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup: .venv/.installed

demo: setup
	$(BIN)/meterhouse demo

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

test: lint types
	$(BIN)/pytest -n 2 --dist loadfile

test-full: lint types
	$(BIN)/pytest -n 2 --dist loadfile -m "full or not full"

DEV := DAGSTER_HOME=$(CURDIR)/demo/dagster METERHOUSE_BOOKS=contracts_data/airport METERHOUSE_INBOX=demo/inbox METERHOUSE_WAREHOUSE=demo/warehouse

demo/dagster/.billed: | setup  # the demo once more, as a run that Dagster has on record
	@mkdir -p demo/dagster
	@cp docs/dagster.yaml demo/dagster/
	@DAGSTER_HOME=$(CURDIR)/demo/dagster $(BIN)/meterhouse demo
	@touch $@

dev: demo/dagster/.billed
	$(DEV) $(BIN)/dagster dev -m dagster_project.definitions

SERVED := --books served/books --warehouse served/warehouse

served: setup  # the sample books, billed, with the sample deals
	@mkdir -p served/inbox
	@[ -d served/books ] || cp -R contracts_data/acme_ai served/books
	@$(BIN)/meterhouse run $(SERVED) --inbox served/books/sample_events --as-of 2026-04-05 --yes
	@$(BIN)/meterhouse desk sync $(SERVED) --salesforce served/books/salesforce

serve: served
	@echo "A key for your requests (Authorization: Bearer …):"
	@$(BIN)/meterhouse keys create demo --scope usage:write --warehouse served/warehouse
	@echo "For the pages, sign in with:"
	@$(BIN)/meterhouse users add demo@example.com --role admin --password demonstration --warehouse served/warehouse
	@echo "  the password is: demonstration"
	$(BIN)/meterhouse serve $(SERVED) --inbox served/inbox --salesforce served/books/salesforce --publish files

bench: setup
	$(BIN)/python -m tests.benchmarks

lock: setup
	$(BIN)/uv pip compile pyproject.toml --extra dev --generate-hashes --no-header --python-version 3.11 --universal --no-strip-extras -o requirements.txt

clean:
	rm -rf .venv dbt/target dbt/logs .pytest_cache .mypy_cache .ruff_cache .hypothesis
