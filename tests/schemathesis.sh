#!/usr/bin/env bash
# Fuzzes a running server by its own description of the API: no 5xx, no status and no content type that the description
# does not name, no body of another shape, no wrong input that is taken. Fixed seed; everything stays on loopback.
# `DOCENT=path/to/docent` uses that program instead of building one. Needs Python 3.10; installs schemathesis beside itself.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${DOCENT:-}" ]; then
  cargo build -q -p docent
  DOCENT="${CARGO_TARGET_DIR:-target}/debug/docent"
fi
venv=tests/.venv
if ! "$venv/bin/python" -c 'import schemathesis' 2>/dev/null; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check -r tests/requirements.txt
fi

work="$(mktemp -d)"
cleanup() {
  [ -z "${server:-}" ] || kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
env -i PATH="$PATH" DOCENT_ADDRESS_LIMIT=0 DOCENT_EMBEDDER=none DOCENT_DATA_DIR="$work/data" HOST=127.0.0.1 PORT=0 \
  "$DOCENT" serve docs 2>"$work/log" &
server=$!
for _ in $(seq 300); do
  url="$(sed -n 's|.*ready at \(http://[0-9.:]*\).*|\1|p' "$work/log" | head -1)"
  [ -z "$url" ] || break
  kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
  sleep 0.1
done
[ -n "$url" ] || { echo "the server did not become ready" >&2; cat "$work/log" >&2; exit 1; }

# Reports and caches go into the work folder, which is removed.
"$PWD/$venv/bin/schemathesis" run "$url/openapi.json" \
  --checks all --phases examples,coverage,fuzzing,stateful \
  --max-examples "${EXAMPLES:-100}" --seed 20261123 --workers 2 --request-timeout 30 \
  --continue-on-failure --no-color --generation-database none "$@"

kill -0 "$server" || { echo "the server ended" >&2; tail -20 "$work/log" >&2; exit 1; }
if grep -a "panicked" "$work/log" >&2; then exit 1; fi
