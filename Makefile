# Each target sets up .venv by itself; a second call finds it ready. `make help` lists the targets.
# ARGS goes through to the program that a target runs:  make lab ARGS="--no-browser --port 8899"
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
# The first interpreter that TensorFlow has wheels for (3.11 to 3.13); PYTHON=... overrides it.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$p && break; done)

INSTRUCTOR := .venv-instructor
PURELIB := import sysconfig; folder = sysconfig.get_path("purelib")

.PHONY: help lab test notebooks release grade lock
help:
	@echo "make lab        open the course in JupyterLab"
	@echo "make test       run everything that the repository can check"
	@echo "make notebooks  build and execute the notebooks from notebooks/src"
	@echo "make release    build the nbgrader course from the lessons' exercises (instructor/README.md)"
	@echo "make grade      grade a class: make grade SUBMITTED=folder"
	@echo "make lock       renew requirements*.txt and binder/requirements.txt"

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "The course needs Python 3.11, 3.12 or 3.13, and none was found." \
		"Install one, or name it: make lab PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# A stamp is written only after its installation succeeded, so an interrupted one is done again.
$(VENV)/course.stamp: requirements.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/test.stamp: requirements-test.txt $(VENV)/course.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-test.txt
	@touch $@

# nbgrader has an environment of its own, laid over .venv, so that TensorFlow is installed once.
$(INSTRUCTOR)/stamp: requirements-instructor.txt $(VENV)/course.stamp
	$(BIN)/python -m venv --without-pip $(INSTRUCTOR)
	$(BIN)/python -c '$(PURELIB); print(f"import site; site.addsitedir({folder!r})")' \
		> "$$($(INSTRUCTOR)/bin/python -c '$(PURELIB); print(folder)')/course.pth"
	$(INSTRUCTOR)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-instructor.txt
	@touch $@

lab: $(VENV)/course.stamp
	$(BIN)/jupyter lab notebooks/00_start_here.ipynb $(ARGS)

test: $(VENV)/test.stamp $(INSTRUCTOR)/stamp
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tools/run_tests.py $(ARGS)

notebooks: $(VENV)/test.stamp
	$(BIN)/python tools/build_notebooks.py $(ARGS)

release: $(INSTRUCTOR)/stamp
	$(INSTRUCTOR)/bin/python -m instructor.release $(ARGS)

SUBMITTED ?= course/submitted
grade: $(INSTRUCTOR)/stamp
	$(INSTRUCTOR)/bin/python -m instructor.grade $(SUBMITTED) $(ARGS)

lock: $(VENV)/test.stamp
	$(BIN)/python tools/lock.py
