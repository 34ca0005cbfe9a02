# The commands people type. `make quickstart` and `make test` do all the set-up by themselves.

PYTHON ?= python3
CORES ?= all
# Of the tests; each takes a core and about 2 GB.
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DDRANKING := $(VENV)/ddranking
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder
CHAIN := $(BIN)/snakemake --cores $(CORES) --configfile config/quickstart.yaml

TOUR := $(BIN)/snakemake --cores $(CORES) \
  --configfile $(patsubst %,config/%.yaml,condensation fashion_mnist fashion_mnist_small tour)

.PHONY: help environment quickstart tour screenshot test test-all test-cluster faults lint rulegraph benchmark lock

help:
	@echo "make quickstart   environment, then the whole chain on real photographs, and report.html"
	@echo "make tour         environment, then random garments against DM's in minutes (apt-get install dataset-fashion-mnist, or a network)"
	@echo "make test         environment, then the tests that take minutes; WORKERS=4 for more at once"
	@echo "make test-all     these and the slow ones (apt-get install g++ chromium dataset-fashion-mnist)"
	@echo "make test-cluster the tests on a real SLURM of this machine (apt-get install slurm-wlm munge)"
	@echo "make benchmark    speed on this machine beside a straightforward reference; see benchmarks/README.md"
	@echo "make faults       kills, full disks and damaged files, and how many were survived"
	@echo "make lint         format, lint, types, workflow lint"

environment: $(READY)

# Made again when the dependencies change.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; \
	  sys.exit(0 if v >= (3, 11) else f"fd2 needs Python 3.11 or newer, {sys.executable} is {v[0]}.{v[1]}: make PYTHON=python3.12 ...")'
	@PYTHONPATH=src $(PYTHON) -m fd2.health.paths
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[quickstart,slurm,onnx,dev]'
	@touch $(READY)

quickstart: $(READY)
	$(CHAIN)
	@test -f report.html || $(CHAIN) --report report.html
	@echo
	@cat results/tables/quickstart.md
	@echo
	@echo "table:   results/tables/quickstart.md (.csv, .tex)"
	@echo "figures: $$(ls results/figures/*.png | tr '\n' ' ')"
	@echo "page:    results/report/index.html"
	@echo "report:  report.html"
	@grep -h '^device' logs/teachers/*/*/plain.log

tour: $(READY)
	$(TOUR)
	@echo
	@cat results/tables/tour.md
	@echo
	@echo "table:  results/tables/tour.md (.csv, .tex)"
	@echo "curve:  results/figures/curves.png"
	@echo "images before, during and after: results/figures/images.png"
	@echo "page:   results/report/index.html"

# For the docs; needs apt-get install chromium.
screenshot: tour
	$(BIN)/python -m tests.report.browser results/report/index.html docs/images/first_screen.png

# One thread in each of the workers.
test test-all: export OMP_NUM_THREADS = 1
test: $(READY)
	$(PYTEST)

test-all: $(READY) $(DDRANKING)
	$(PYTEST) -m "not cluster"

# For tests that compare with it: it asks for NumPy 1, and stands beside the environment.
$(DDRANKING): $(READY)
	$(BIN)/python -m pip install --quiet --upgrade --no-deps --target $@ \
	  ddranking==0.2.0 kornia==0.9.0 kornia-rs==0.2.0
	@touch $@

# Starts a SLURM of two nodes and writes /etc/slurm, as root or with sudo; takes it away again.
test-cluster: $(READY)
	$(BIN)/python -m pytest -m cluster tests/cluster

# Takes many minutes, and a user namespace or root for the full disks.
faults: $(READY)
	$(BIN)/python tests/faults

benchmark: $(READY)
	$(BIN)/python -m benchmarks

# Needs graphviz: apt-get install graphviz
rulegraph: $(READY)
	$(BIN)/snakemake --configfile config/quickstart.yaml --config seeds_together=False --rulegraph dot \
	  | sed -e 's/bgcolor=white/bgcolor=transparent/' \
	    -e 's/fontname=sans/fontname="Helvetica,Arial,sans-serif"/' -e 's/fontsize=10/fontsize=14/' \
	    -e 's/style="rounded"/style="rounded,filled", fillcolor=white/' -e 's/color=grey/color="#808080"/' \
	  | dot -Tsvg -o docs/images/rulegraph.svg

# Needs uv: pip install uv
lock:
	uv pip compile pyproject.toml --extra quickstart --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --quiet --custom-compile-command "make lock" \
	  --output-file envs/requirements.lock

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint --configfile config/quickstart.yaml
