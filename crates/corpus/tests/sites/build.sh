#!/usr/bin/env bash
# Builds the sites of this folder with the real tools and compares what they made with the recorded
# inventories; with --record it writes the inventories anew. Needs node; mdBook is used when `mdbook` is on
# the PATH or named by MDBOOK.
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

mdbook=${MDBOOK:-$(command -v mdbook || true)}
if [ -n "$mdbook" ]; then
  "$mdbook" build mdbook --dest-dir "$PWD/build/mdbook"
  node inventory.mjs mdbook build/mdbook /guide/ | check mdbook
else
  echo "mdbook: not built, cargo install mdbook@0.5.4 --locked --no-default-features brings it" >&2
fi

# What would be quoted must stand in the built pages.
if [ "$record" != --record ] && command -v cargo > /dev/null; then
  quotes() { cargo run -q -p corpus --example quotes -- "$@" || status=1; }
  quotes docusaurus build/docusaurus /base/
  quotes docusaurus-root build/docusaurus-root /
  if [ -n "$mdbook" ]; then quotes mdbook build/mdbook /guide/; fi
fi
exit $status
