#!/usr/bin/env bash
# lock.sh PYTHON [--upgrade]: writes requirements.lock, every package of runtime and development with its hashes.
# The address of the package index does not belong into the file: whoever installs has their own.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
shift
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
"$python" -m venv "$tools/venv"
"$tools/venv/bin/pip" install --quiet --disable-pip-version-check pip-tools
"$tools/venv/bin/pip-compile" --quiet "$@" --extra dev --generate-hashes --strip-extras --no-annotate --no-header \
  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file requirements.lock pyproject.toml
