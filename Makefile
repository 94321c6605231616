# All that a checkout needs, from the first command on: each target sets up what it uses.

BIN := .venv/bin

# A window needs a screen; where there is none, a virtual one.
ifneq ($(shell uname),Linux)
else ifeq ($(DISPLAY)$(WAYLAND_DISPLAY),)
VIRTUAL_SCREEN := xvfb-run --auto-servernum --server-args="-screen 0 1366x900x24"
SCREENSHOT := --screenshot demo.png
endif

.PHONY: demo test test-pyqt6 docs lint format venv system clean

demo: venv system ## super-resolve the sample scene and show it in napari
	$(VIRTUAL_SCREEN) $(BIN)/napari-dodn demo $(SCREENSHOT)

PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist loadfile
CHOSEN := not slow and not gpu

test: venv system ## run the tests, with PySide6
	$(PYTEST) -m "$(CHOSEN)"

test-pyqt6: venv system ## run the tests of the window with PyQt6
	PYTHONPATH=$(CURDIR)/.venv/pyqt6 PYTEST_QT_API=pyqt6 $(PYTEST) -m "$(CHOSEN) and not endurance" tests/plugin

lint: venv ## check style, types, declared dependencies and the plugin's manifest
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/deptry src
	$(BIN)/npe2 validate napari-dodn

docs: venv ## build the documentation, tutorials included, into docs/_build
	$(BIN)/python -m pip -qq --disable-pip-version-check install --group docs --constraint constraints.txt
	XDG_DATA_HOME=$(CURDIR)/docs/_build/data MPLBACKEND=agg $(BIN)/python -m sphinx -W --keep-going -q docs docs/_build/html

format: venv ## put the code into the project's style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

venv: .venv/.complete

.venv/.complete: pyproject.toml constraints.txt scripts/setup_venv.sh
	sh scripts/setup_venv.sh
	touch $@

system:
	sh scripts/setup_system.sh

clean: ## remove everything that make has made
	rm -rf .venv build dist demo.png docs/_build docs/generated docs/tutorials docs/sg_execution_times.rst .mypy_cache .pytest_cache .ruff_cache .hypothesis
