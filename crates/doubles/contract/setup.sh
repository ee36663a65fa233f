#!/usr/bin/env bash
# Makes the virtual environment that the contract tests use: the providers' own client libraries, in .venv beside this
# script. Does nothing when it is there and up to date. Needs python3 with venv, and PyPI the first time.
set -euo pipefail
cd "$(dirname "$0")"
# A Python that was updated or moved away leaves an environment that does not start.
if cmp --silent requirements.txt .venv/requirements.txt && .venv/bin/python -c pass 2>/dev/null; then
    exit 0
fi
rm -rf .venv
"${PYTHON:-python3}" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
# The copy is the sign that everything above went well.
cp requirements.txt .venv/requirements.txt
