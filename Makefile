# Everything a user or a contributor runs. `python3` and `make` are all that must be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Compiled tests are kept, also where the environment says not to: half of collecting them.
TEST := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-long torture torture-devices torture-cluster browser-test check audit lint spelling types \
    docs docs-long results bench check-device clean

demo: $(READY)  ## the first comparison: three networks on MNIST, one epoch; DEMO adds options
	$(BIN)/convcompare compare --dataset mnist fcn simple residual --epochs 1 $(DEMO)

test: $(READY)  ## the test suite
	$(TEST)

test-long: $(READY)  ## every test, those that take long too
	$(TEST) -m "torture or not torture"

# make torture KINDS="kills damage" PART=1/4 JOBS=2; SCALE=0.1 tries a tenth, and records nothing
torture: $(READY)  ## the long form of the torture suite, some hours; docs/reliability.md
	$(BIN)/python -m tests.torture $(KINDS) $(if $(SCALE),--scale $(SCALE)) \
	    $(if $(JOBS),--jobs $(JOBS)) $(if $(SEED),--seed $(SEED)) $(if $(PART),--part $(PART))

browser-test: $(READY)  ## the page of a report in a browser; needs chromium
	$(BIN)/python -m pytest -m browser -ra

torture-devices: $(READY)  ## 30 trainings over two processes, one of them killed in each
	CONVCOMPARE_KILLS=30 $(BIN)/python -m pytest tests/training/test_device_group.py -m torture -k killed

torture-cluster: $(READY)  ## 100 trials on a Ray cluster while it is killed piece by piece, 10 minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/experiment/test_ray.py -m torture
	$(BIN)/python -m tests.torture.cluster

check: lint spelling types audit-if-online test  ## what CI runs

audit: $(READY)  ## known vulnerabilities of what is installed; fails where the service is away
	$(BIN)/python .ci/audit.py

.PHONY: audit-if-online
audit-if-online: $(READY)
	$(BIN)/python .ci/audit.py --if-online

lint: $(READY)
	$(BIN)/ruff check src tests benchmarks docs .ci
	$(BIN)/ruff format --check src tests benchmarks docs .ci

# Links and anchors are checked by tests/test_docs.py, without a network.
spelling: $(READY)  ## words of pages, source and help
	$(BIN)/codespell README.md CONTRIBUTING.md CHANGELOG.md SECURITY.md docs src benchmarks .ci Makefile

docs: $(READY)  ## the pages as a site, into site/; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --site-dir site

docs-long: $(READY)  ## every block of the pages, with those that need real data and hours
	CONVCOMPARE_LONG_DOCS=1 $(BIN)/python -m pytest tests/test_docs.py --timeout 0

types: $(READY)
	$(BIN)/mypy

# The records are kept beside the report, packed: what is there is not trained again.
RECORDED := docs/results/recorded
PACK := $(RECORDED)/runs.ccpack
RUNS := build/recorded-runs
TRAIN := CONVCOMPARE_STORE=$(RUNS) $(BIN)/convcompare study --jobs 2 --threads 1
STUDY := $(TRAIN) --no-weights

results: $(READY)  ## the report of docs/results/recorded; what it lacks is trained, hours
	if [ -d $(RUNS) ]; then $(BIN)/convcompare runs merge $(PACK) --store $(RUNS); \
	    else $(BIN)/convcompare runs unpack $(PACK) $(RUNS); fi
	$(STUDY) residual-blocks --epochs 1
	$(STUDY) residual-blocks-depth-004 --seeds 3 --epochs 1
	$(STUDY) cifar10-004 --seeds 3 --epochs 1
	for name in mnist cifar10 kernel-size depth depth-003 depth-004 custom-layers \
	    kernel-size-003 kernel-size-004 custom-layers-004 custom-layers-mnist-004 \
	    residual-blocks-004; do \
	    $(STUDY) $$name --seeds 3 || exit; done
	$(STUDY) custom-layers --seeds 8
	$(STUDY) custom-layers-004 --seeds 11 --skip "custom convolution" --skip attention \
	    --skip "Lp pooling" --skip "average pooling"
	$(STUDY) kernel-size-004 --seeds 8
	$(STUDY) depth-003 --seeds 4
	$(STUDY) custom-layers-mnist-004 --seeds 8
	$(TRAIN) mnist-004 --seeds 5 --columns robustness
	$(BIN)/convcompare runs pack --store $(RUNS) --out $(PACK) --replace \
	    --without weights --without logits --without similarity --first-seed features \
	    --first-seed receptive-field
	$(BIN)/convcompare report --store $(PACK) --out $(RECORDED) --figures verdicts
	$(BIN)/python docs/conclusions_table.py
	$(BIN)/python docs/students_page.py

check-device: $(READY)  ## all checks of the device that is here, under ten minutes; device.json
	$(BIN)/python benchmarks/check_device.py --json device.json

bench: $(READY)  ## the figures of docs/benchmarks.md
	$(BIN)/python benchmarks/bench.py

# A virtual environment with the tool and what its development needs, made where it is missing.
# Modules are compiled when they are first imported: most never are.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt \
	    --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
