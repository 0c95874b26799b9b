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
# pip-compile loses the markers of extras, and there is no fuzzer for other machines
sed -E 's/^(atheris==[^ ]+) /\1 ; platform_system == "Linux" and platform_machine == "x86_64" /' \
  requirements.lock >"$tools/lock"
cp "$tools/lock" requirements.lock
grep -oE '^[^ ]+==[^ ]+' requirements.lock >"$tools/versions"
rm -f deploy/runtime.lock
compile --constraint "$tools/versions" --output-file deploy/runtime.lock
# what `shoprelay cdc` needs on top of requirements.lock
compile --extra cdc --constraint "$tools/versions" --output-file "$tools/cdc.lock"
"$python" - "$tools/cdc.lock" "$tools/versions" <<'P' >deploy/cdc.lock
import re, sys
whole, known = (open(name).read() for name in sys.argv[1:])
for block in re.split(r"\n(?=\S)", whole.strip()):
    if "==" in block and block.split(" ")[0] not in known.split():
        print(block)
P
