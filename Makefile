PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export NO_ALBUMENTATIONS_UPDATE := 1
export PYTHONDONTWRITEBYTECODE := # empty: else each of the many processes compiles anew what it imports

.PHONY: repro test test-full quick check bench soak lock picture .venv

repro: .venv/installed ## mend what a kill left, rebuild what is out of date, then show the metrics
	@darkroom doctor --quick --mend
	dvc repro
	@darkroom show

test: .venv/installed ## every test, files with long ones not last
	pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-full: .venv/installed ## every test, on all of MNIST too
	DARKROOM_FULL=1 pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

quick: .venv/installed ## tests that load no TensorFlow, start no process and take no seconds
	pytest --quick --numprocesses 2 --dist worksteal tests dataprep

check: .venv/installed ## format, lint, types
	ruff format --check .
	ruff check .
	mypy

lock: .venv/installed ## resolve requirements.lock anew from pyproject.toml
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --quiet \
		--custom-compile-command "make lock" --output-file requirements.lock

bench: .venv/installed ## every benchmark; wants the real images (DARKROOM_DATA) and some hours
	python -m benchmarks.ingest_speed
	python -m benchmarks.quality
	python -m benchmarks.damage
	python -m benchmarks.near_duplicates
	python -m benchmarks.split_scale
	python -m benchmarks.prepare
	python -m benchmarks.storage
	python -m benchmarks.incremental
	python -m benchmarks.crashes
	python -m benchmarks.flow_kills
	python -m benchmarks.flow_cost
	python -m benchmarks.augment
	python -m benchmarks.feeding
	python -m benchmarks.training
	python -m benchmarks.gain
	python -m benchmarks.whole
	python -m benchmarks.planted
	python -m benchmarks.iterating
	python -m benchmarks.newcomer
	python -m benchmarks.newcomer --by-hand
	python -m benchmarks.lamp
	python -m benchmarks.serving

soak: .venv/installed ## a schedule every 20 s for ten minutes, with changes and failures; two hours: make soak SECONDS=7200
	python -m benchmarks.soak $(SECONDS)

picture: .venv/installed ## the README's pictures, those of the tutorial, and of a run in Prefect's pages
	python -m docs.picture reports/index.html docs/images
	python -m docs.picture_try docs/images
	python -m docs.picture_flow docs/images
	darkroom preview augment --output docs/augment.png
	python -m tests.end_to_end.tutorial docs/images

.venv: .venv/installed
.venv/installed: requirements.lock pyproject.toml
	@echo "Installing the locked packages into .venv; the first time this takes some minutes."
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check "$$(sed -n 's/^\(uv==[^ ]*\).*/\1/p' requirements.lock)"
	@.venv/bin/uv pip install --quiet --python .venv --require-hashes --compile-bytecode -r requirements.lock
	@.venv/bin/uv pip install --quiet --python .venv --no-deps --no-build-isolation --editable .
	@touch $@ # last, so that a failed installation is not taken for a finished one
