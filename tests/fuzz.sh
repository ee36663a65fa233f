#!/usr/bin/env bash
# Runs each fuzz target for some seconds: the Markdown reader, the index file, the event stream, the citation markers.
# Needs a nightly toolchain, and cargo-fuzz, which is installed into target/ when it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds="${1:-20}"

if ! cargo +nightly --version >/dev/null 2>&1; then
  rustup toolchain install nightly --profile minimal
fi
tools="$PWD/target/tools"
if ! command -v cargo-fuzz >/dev/null && [ ! -x "$tools/bin/cargo-fuzz" ]; then
  cargo install --quiet --locked --root "$tools" cargo-fuzz
fi
export PATH="$PATH:$tools/bin"

cd fuzz
cargo +nightly fuzz build 2>&1 | grep -vE '^ +(Compiling|Adding|Locking|Blocking) ' | tail -40
# One seed, so that a finding comes back when it is looked for; `SEED=0` lets each run take another.
seed="${SEED:-20261125}"
for target in markdown_reader index_file sse_parser citation_filter; do
  echo "-- $target"
  # A crash leaves its input in fuzz/artifacts and ends this script.
  cargo +nightly fuzz run "$target" -- -seed="$seed" -max_total_time="$seconds" -rss_limit_mb=4096 -verbosity=0 -print_final_stats=1 2>&1 |
    grep -E 'ERROR|panicked|assert|dropped|Test unit|stat::' | tail -30
done
