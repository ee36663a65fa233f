#!/usr/bin/env bash
# Runs every test of the reader's side: types, built files and sizes, the pure parts in Node, the widget in Chromium,
# and the plugin in a real Docusaurus build. Needs node 20 and Debian's chromium; installs the rest from lock files.
# `SKIP_SITE=1` leaves out the Docusaurus build (about two minutes with its first install). `test.sh manual` runs only the
# tests of the manual's own site, which must have been built in website/.
set -euo pipefail
cd "$(dirname "$0")"
export CHROMIUM="${CHROMIUM:-$(command -v chromium || command -v chromium-browser || true)}"
if [ -z "$CHROMIUM" ]; then
  echo "chromium is missing: apt-get install -y chromium, or set CHROMIUM" >&2
  exit 1
fi

install() { # folder
  if [ ! -d "$1/node_modules" ] || [ "$1/package-lock.json" -nt "$1/node_modules/.package-lock.json" ]; then
    # npm leaves packages for other platforms out of the lock file, and then refuses the file as incomplete.
    (cd "$1" && { npm ci --ignore-scripts --no-audit --no-fund >/dev/null 2>&1 || npm install --no-save --ignore-scripts --no-audit --no-fund; } >&2)
  fi
}
install .
if [ "${1:-}" = manual ]; then
  files=(tests/manual.mjs tests/manual-routes.mjs)
else
  npx --no-install tsc -p widget --noEmit false --emitDeclarationOnly --declaration --outDir widget/dist/types
  node widget/build.mjs --check
  files=(widget/tests/*.test.mjs docusaurus/tests/options.test.mjs tests/*.test.mjs)
  if [ -z "${SKIP_SITE:-}" ]; then
    install docusaurus/tests/site
    files+=(docusaurus/tests/plugin.test.mjs docusaurus/tests/react.test.mjs)
  fi
fi
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
status=0
# One file at a time: two browsers on two cores only make each other slow.
node --test --test-force-exit --test-concurrency=1 "${files[@]}" >"$log" 2>&1 || status=$?
passed="$(awk '/^# pass /{n=$3} END{print n+0}' "$log")"
failed="$(awk '/^# (fail|cancelled) /{n+=$3} END{print n+0}' "$log")"
if [ "$status" -ne 0 ]; then grep -A 30 '^not ok' "$log" || tail -40 "$log"; fi
grep -E '^ *# .*(sections equal|main bundle|CPU|frames|memory|gzip)' "$log" || true
if [ "$status" -eq 0 ] && [ "${1:-}" != manual ]; then
  node tests/shots.mjs || status=$?
  install bench
  node bench/render.mjs 5 1000 || status=$?
fi
echo "$passed passed, $failed failed"
exit "$status"
