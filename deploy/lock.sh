#!/usr/bin/env bash
# lock.sh PYTHON [--upgrade]: writes requirements.lock, every package of runtime and development with its hashes, and
# deploy/runtime.lock, the part of it that goes into the image. The address of the package index does not belong into
# them: whoever installs has their own.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
shift
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
"$python" -m venv "$tools/venv"
"$tools/venv/bin/pip" install --quiet --disable-pip-version-check pip-tools
compile() {
  "$tools/venv/bin/pip-compile" --quiet --generate-hashes --strip-extras --no-annotate --no-header --no-emit-index-url \
    --no-emit-trusted-host --no-emit-find-links "$@" pyproject.toml
}
compile "$@" --extra dev --output-file requirements.lock
grep -oE '^[^ ]+==[^ ]+' requirements.lock >"$tools/versions"
rm -f deploy/runtime.lock
compile --constraint "$tools/versions" --output-file deploy/runtime.lock
