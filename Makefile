SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help env demo test test-all test-spark test-browser test-pdf docs format lab bench lock clean

help:  ## Say what can be made
	@grep -E '^[a-z-]+:.*##' Makefile | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

env: $(READY)  ## Make the environment in .venv

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and none was found on the path."; exit 2; }
	@if command -v uv >/dev/null 2>&1; then \
		rm -rf .venv && uv venv -q --python "$(PYTHON)" .venv && \
		uv pip install -q --python $(BIN)/python --require-hashes -r requirements.lock && \
		uv pip install -q --python $(BIN)/python --no-deps -e .; \
	else \
		"$(PYTHON)" -m venv --clear .venv && \
		$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock && \
		$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .; \
	fi
	@touch $(READY)

demo: $(READY)  ## Make a synthetic practice, read it and show its report
	@$(BIN)/rcm demo

# a file of tests stays with one worker: what its module fixtures make is made once
PYTEST := $(BIN)/python -m pytest -q -n 2 --dist loadfile

test: $(READY)  ## Check style and types, run the fast tests, execute every notebook
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --no-error-summary
	@$(PYTEST) -m "not slow" --doctest-modules tests rcm_analysis

test-all: $(READY)  ## Run what test leaves out: slow tests; Spark, a browser and PDF where their tools are there
	@$(PYTEST) -m slow
	@if command -v java >/dev/null 2>&1; then $(MAKE) --no-print-directory test-spark; \
		else echo "no Java here: make test-spark is left out"; fi
	@if command -v chromedriver >/dev/null 2>&1 && $(MAKE) --no-print-directory .venv-browser/.ready; then \
		$(MAKE) --no-print-directory test-browser; else echo "no Chromium or no Selenium here: make test-browser is left out"; fi
	@if $(MAKE) --no-print-directory .venv-pdf/.ready; then $(MAKE) --no-print-directory test-pdf; \
		else echo "no WeasyPrint here: make test-pdf is left out"; fi

test-spark: $(READY)  ## Compare every table and measure on DuckDB and Apache Spark (needs Java 17)
	@test -x .venv-spark/bin/python || $(BIN)/python -m venv .venv-spark
	@.venv-spark/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@.venv-spark/bin/python -m pip install -q --disable-pip-version-check -e '.[spark,dask]'
	@SPARK_CONF_DIR=$(CURDIR)/tests/data/spark JAVA_TOOL_OPTIONS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC" \
		.venv-spark/bin/python -m pytest -q tests/test_spark.py

test-browser: $(READY) .venv-browser/.ready  ## Open a report and JupyterLab in Chromium
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
		address=$$(cd "$$folder" && "$(CURDIR)/$(BIN)/rcm" demo --claims 3000 2>/dev/null) && \
		RCM_REPORT="$$address" RCM_DATA="$$folder/data" RCM_PYTHON="$(CURDIR)/$(BIN)/python" \
			.venv-browser/bin/python -m pytest -q --noconftest -p no:cacheprovider tests/browser.py tests/lab.py

.venv-browser/.ready: tests/browser-requirements.txt
	@$(BIN)/python -m venv --clear .venv-browser
	@.venv-browser/bin/python -m pip install -q --disable-pip-version-check -r tests/browser-requirements.txt
	@touch $@

test-pdf: $(READY) .venv-pdf/.ready  ## Compare the PDF of a report with its pages (needs Pango)
	@PYTHONPATH=$$(.venv-pdf/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
		$(BIN)/python -m pytest -q -rs tests/test_pdf.py

.venv-pdf/.ready: tests/pdf-requirements.txt
	@$(BIN)/python -m venv --clear .venv-pdf
	@.venv-pdf/bin/python -m pip install -q --disable-pip-version-check -r tests/pdf-requirements.txt
	@touch $@

docs: $(READY) .venv-docs/.ready  ## Write the API reference, one page a room, to docs/out
	@PYTHONPATH=$$(.venv-docs/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
		$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/out
	@echo "file://$(CURDIR)/docs/out/index.html"

.venv-docs/.ready: docs/requirements.txt
	@$(BIN)/python -m venv --clear .venv-docs
	@.venv-docs/bin/python -m pip install -q --disable-pip-version-check -r docs/requirements.txt
	@touch $@

format: $(READY)  ## Put the code into shape
	@$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format -q .

lab: $(READY)  ## Open JupyterLab on the notebooks
	@$(BIN)/rcm lab

bench: $(READY)  ## Record speeds beside peers and limits
	@$(BIN)/python bench/run.py --peers

lock:  ## Compile requirements.lock from pyproject.toml (needs uv)
	uv pip compile -q --universal --python-version 3.11 --extra dev --generate-hashes --no-emit-index-url \
		--custom-compile-command "make lock" pyproject.toml -o requirements.lock

clean:  ## Remove the environment, caches and rendered reports
	rm -rf .venv .venv-spark .venv-browser .venv-pdf .venv-docs .pytest_cache .ruff_cache .mypy_cache .hypothesis reports/out docs/out docs/reference data/demo data/store
