# make demo   a real model on the starter pack, no daemon needed     make test   everything, with a Docker engine
# make check  lint, format and types                             make clean  remove what these made here
# make docs   write the parts of the documentation that are made from the code

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := problems generators sandbox graders runs cli
# The checkout holds folders named like installed modules; nothing may be imported from the current directory.
export PYTHONSAFEPATH := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test check pytest docs clean
.DEFAULT_GOAL := demo

demo: $(VENV)/demo.stamp
	$(BIN)/codebench eval --suite starter --model smollm2 --sandbox namespaces --max-tokens 256

test: $(VENV)/test.stamp
	PYTHON="$(abspath $(BIN))/python" .ci/docker-engine with $(MAKE) --no-print-directory check pytest

check: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=.types $(BIN)/mypy --explicit-package-bases $(PACKAGES:%=-p codebench.%)

pytest: $(VENV)/test.stamp
	$(BIN)/codebench images build
	CODEBENCH_REQUIRE_DOCKER=1 $(BIN)/pytest

docs: $(VENV)/test.stamp
	$(BIN)/python docs/generate.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info

# The demo tries what a user gets, the tests try the checkout.
$(VENV)/demo.stamp: pyproject.toml $(shell find $(PACKAGES) -name '*.py') | $(BIN)/python
	$(BIN)/pip install -qq --upgrade ".[gguf,humaneval]"
	rm -f $(VENV)/test.stamp
	touch $@

$(VENV)/test.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/pip install -qq --upgrade --editable ".[anthropic,dev,gguf,humaneval,openai]"
	rm -f $(VENV)/demo.stamp
	touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: $(PYTHON) is older than Python 3.11; run: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "make: $(PYTHON) cannot make a venv; on Debian: apt-get install python3-venv" >&2; exit 1; }
