#!/usr/bin/env bash
# Builds the sites of this folder with the real tools and compares what they made with the recorded
# inventories; with --record it writes the inventories anew. Needs node, cargo and Chromium; mdBook is `mdbook` on the PATH,
# or what MDBOOK names, or installed from crates.io into target/tools.
set -euo pipefail
cd "$(dirname "$0")"
record=${1:-}
status=0

check() { # SITE: compares the inventory on standard input with the recorded one
  cat > "build/$1.inventory.json"
  if [ "$record" = --record ]; then
    cp "build/$1.inventory.json" "$1.inventory.json"
  elif ! diff -u "$1.inventory.json" "build/$1.inventory.json"; then
    echo "$1: the recorded inventory is not what the build makes; run $0 --record" >&2
    status=1
    return
  fi
  echo "$1: $(grep -c '"file"' "$1.inventory.json") pages as recorded"
}

mkdir -p build
npm ci --ignore-scripts --no-audit --no-fund
export DOCUSAURUS_NO_PERSISTENT_CACHE=true
for site in docusaurus docusaurus-root; do
  rm -rf "build/$site"
  npx docusaurus build "$site" --out-dir "$PWD/build/$site"
done
node inventory.mjs docusaurus build/docusaurus /base/ | check docusaurus
node inventory.mjs docusaurus build/docusaurus-root / | check docusaurus-root

# mdBook comes from crates.io, without its server and its search; that takes two minutes of one core, once.
tools="$PWD/../../../../target/tools"
mdbook=${MDBOOK:-$(command -v mdbook || true)}
if [ -z "$mdbook" ] && [ ! -x "$tools/bin/mdbook" ] && command -v cargo > /dev/null; then
  cargo install --quiet mdbook@0.5.4 --locked --no-default-features --root "$tools" --target-dir "$tools/build" \
    && rm -rf "$tools/build"
fi
mdbook=${mdbook:-$tools/bin/mdbook}
"$mdbook" build mdbook --dest-dir "$PWD/build/mdbook"
node inventory.mjs mdbook build/mdbook /guide/ | check mdbook

# What would be quoted must stand in the built pages.
if [ "$record" != --record ] && command -v cargo > /dev/null; then
  quotes() { cargo run -q -p corpus --example quotes -- "$@" || status=1; }
  quotes docusaurus build/docusaurus /base/
  quotes docusaurus-root build/docusaurus-root /
  quotes mdbook build/mdbook /guide/
fi

# What an answer links to must be highlighted by the browser, word for word.
chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || true)}
if [ "$record" != --record ] && command -v cargo > /dev/null; then
  if [ -z "$chromium" ]; then echo "chromium is missing: apt-get install -y chromium, or set CHROMIUM" >&2; exit 1; fi
  cargo build -q -p docent
  docent="${CARGO_TARGET_DIR:-$PWD/../../../../target}/debug/docent"
  "$mdbook" build fragments --dest-dir "$PWD/build/fragments"
  CHROMIUM="$chromium" node fragments.mjs "$docent" fragments build/fragments /fragments/ fragments/questions.txt || status=1
  CHROMIUM="$chromium" node fragments.mjs "$docent" docusaurus build/docusaurus /base/ fragments/docusaurus-questions.txt || status=1
fi
exit $status
