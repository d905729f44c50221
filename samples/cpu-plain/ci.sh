#!/bin/sh
# What a continuous integration runs: build without warnings, lint, conform. Needs an installed
# AIOS that pkg-config finds. `LEVEL=5 ./ci.sh` goes further; `CC=clang ./ci.sh` with clang.
set -eu
cd "$(dirname "$0")"
make clean
make CFLAGS='-O2 -g -Werror'
make lint
make conform LEVEL="${LEVEL:-3}"
