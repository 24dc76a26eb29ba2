# What a clone can do; `make help` lists it. Needs make, python3 and python3-venv, no root.
#
# Everything is installed into .venv, which is made on first use, brought up to
# date when pyproject.toml changes, and made anew when the clone was moved or its
# python has gone.

PYTHON3 ?= python3
ARGS ?=
# Of the packages, given to make itself: one in the environment is somebody else's.
VERSION :=
SIGN :=

VENV := .venv
PYTHON := $(VENV)/bin/python
PIP := $(PYTHON) -m pip --disable-pip-version-check
FOR_USE := $(VENV)/.ready-for-use
FOR_WORK := $(VENV)/.ready-for-work

SHELL := /bin/sh
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

##@ To try it

.PHONY: demo
demo: $(FOR_USE) ## a call centre, the service and a dashboard on one screen; ARGS="--seconds 20"
	@$(VENV)/bin/qlogship demo $(ARGS)

##@ To work on it

.PHONY: test
test: $(FOR_WORK) ## all tests; ARGS="-k name"
	@$(TESTS) --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS); some=$$?; \
	test $$some = 0 || test $$some = 5 || exit $$some; \
	$(TESTS) --alone $(ARGS); alone=$$?; \
	test $$alone = 5 && exit $$some; exit $$alone

# 5 is pytest's word for no test at all: ARGS may name only some that run beside others, or alone.
TESTS = $(PYTHON) -m pytest

.PHONY: lint
lint: $(FOR_WORK) ## style, types, and which module may import which
	@failed=; \
	for check in 'ruff check' 'ruff format --check' 'mypy' 'lint-imports'; do \
		echo "== $$check"; \
		$(VENV)/bin/$$check || failed="$$failed, $$check"; \
	done; \
	test -z "$$failed" || { echo "make lint: failed:$${failed#,}" >&2; exit 1; }

.PHONY: format
format: $(FOR_WORK) ## let ruff mend what it can
	@$(VENV)/bin/ruff check --fix-only
	@$(VENV)/bin/ruff format

.PHONY: bench
bench: $(FOR_WORK) ## measure speed, memory and delay; ARGS are the benchmark's own
	@$(PYTHON) -m tests.bench.bench $(ARGS)

.PHONY: build
build: $(FOR_WORK) ## the wheel, into dist/
	@rm -f dist/*.whl
	@$(PIP) wheel --quiet --no-deps --wheel-dir dist .
	@ls dist/*.whl

.PHONY: packages
packages: $(VENV)/pyvenv.cfg ## .deb, .rpm, contents and sums, into dist/; VERSION=0.2.0rc1 SIGN=KEY
	@$(PYTHON) -m tools.packages.build $(if $(VERSION),--version '$(VERSION)') $(if $(SIGN),--sign '$(SIGN)')

.PHONY: lock
lock: $(FOR_USE) ## the newest libraries that fit, for the packages
	@$(PYTHON) -m tools.packages.lock

.PHONY: clean
clean: ## remove what make made, .venv too
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find qlogship tests -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "%s\n", substr($$0, 5) } \
		/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

# The environment. pip is brought up to date first: Debian 12's knows no dependency groups.

$(FOR_USE): $(VENV)/pyvenv.cfg pyproject.toml
	@echo 'Installing qlogship and what it needs into $(VENV) (well under a minute) ...'
	@$(INSTALL) || { $(EXPLAIN_PIP); exit 1; }
	@touch $@

$(FOR_WORK): $(VENV)/pyvenv.cfg pyproject.toml
	@echo 'Installing qlogship, what it needs and the tools to work on it into $(VENV) (about a minute) ...'
	@$(INSTALL) --group dev || { $(EXPLAIN_PIP); exit 1; }
	@touch $(FOR_USE) $@

INSTALL := $(PIP) install --quiet --upgrade 'pip>=25.1' && $(PIP) install --quiet --editable '.[sandbox]'

$(VENV)/pyvenv.cfg:
	@command -v $(PYTHON3) >/dev/null \
		|| { $(SAY) 'There is no $(PYTHON3). As root: apt install python3 python3-venv'; exit 1; }
	@$(PYTHON3) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { $(SAY) "$(PYTHON3) is $$($(PYTHON3) --version 2>&1), qlogship needs 3.11 or newer:" \
			'Debian 12 has it in the package python3.' \
			'Is there a newer one beside it? make PYTHON3=/path/to/python3.11'; exit 1; }
	@$(PYTHON3) -c 'import ensurepip, venv' 2>/dev/null \
		|| { $(SAY) '$(PYTHON3) cannot make virtual environments. As root: apt install python3-venv'; exit 1; }
	@$(PYTHON3) -m venv --clear $(VENV)
	@pwd >$(VENV)/.place

# The scripts in a virtual environment name its place, so a moved one is of no use.
ifneq ($(shell test -x $(PYTHON) && cat $(VENV)/.place 2>/dev/null),$(shell pwd))
.PHONY: $(VENV)/pyvenv.cfg
endif

SAY := printf '%s\n' >&2
define EXPLAIN_PIP
$(SAY) 'pip could not install what qlogship needs; its own words are above.' \
	'- No network, or only through a proxy or a mirror: pip must reach its index; see "pip config --help".' \
	'- A certificate was not trusted: as root: apt install ca-certificates; then name a private one: pip config set global.cert FILE' \
	'- Something had to be compiled: as root: apt install build-essential python3-dev'
endef
