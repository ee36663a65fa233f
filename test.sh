#!/usr/bin/env bash
# Runs every test of the project and installs what the tests need.
#
# Needs a Rust toolchain. What else is missing (Node.js, Chromium, Python with venv, a C++ compiler) is installed with
# apt-get when this runs as root on Debian or Ubuntu; elsewhere it is named. `./test.sh rust` runs only one part; the
# parts are: lint, rust, eval, sites, api, fuzz, web, manual, and image, which builds and runs the image of a Space with a
# Docker engine of its own; it takes several minutes of release build and only runs when it is named.
set -euo pipefail
cd "$(dirname "$0")"

# Seconds that each fuzz target runs.
FUZZ_SECONDS="${FUZZ_SECONDS:-20}"

parts=("${@:-all}")
wanted() { [[ " ${parts[*]} " == *" all "* || " ${parts[*]} " == *" $1 "* ]]; }
title() { printf '\n== %s\n' "$*"; }

# Installs a Debian package when the command is not there.
need() { # command package
  command -v "$1" >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    [ -n "${updated:-}" ] || { apt-get update -qq; updated=yes; }
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null
  fi
  command -v "$1" >/dev/null || { echo "$1 is missing; install $2" >&2; exit 1; }
}

need cargo cargo
need cc gcc
need python3 python3
if ! python3 -c 'import ensurepip' 2>/dev/null; then
  # Debian ships venv apart from Python; the package has no command of its own to look for.
  apt-get install -y -qq python3-venv >/dev/null || { echo "Python's venv is missing; install python3-venv" >&2; exit 1; }
fi

if wanted lint; then
  title "format and lints"
  cargo fmt --all --check
  cargo clippy --quiet --workspace --all-targets -- -D warnings
fi

if wanted rust; then
  title "what the tests of the crates need"
  crates/doubles/contract/setup.sh
  crates/doubles/contract/llama/setup.sh
  crates/encoder/tests/reference/setup.sh
  need openssl openssl
  need pg_createcluster postgresql
  need pgbouncer pgbouncer
  title "tests of the crates"
  DOCENT_TEST_ALL=1 cargo test --workspace
fi

if wanted eval; then
  title "scores of the manual's question set"
  for embedder in none local; do
    DOCENT_DATA_DIR=target/eval cargo run --quiet -- \
      eval --set evals/manual --book docs --embedder "$embedder" --floors evals/manual/floors.toml
    DOCENT_DATA_DIR=target/eval cargo run --quiet -- \
      eval --set evals/followups/manual --book docs --embedder "$embedder" --floors evals/followups/floors.toml
    DOCENT_DATA_DIR=target/eval cargo run --quiet -- \
      eval --set evals/on-a-page/manual --book docs --embedder "$embedder" --floors evals/on-a-page/floors.toml
    # Whether the check of answers sees what is invented; no model is asked.
    DOCENT_DATA_DIR=target/eval cargo run --quiet -- \
      eval claims --set evals/manual --book docs --embedder "$embedder" --floors evals/manual/floors.toml
  done
  # Sets whose texts are not ours to copy: evals/elsewhere/README.md.
  elsewhere() { # floors set [book]
    local set="$2" book="${3:-}"
    [ -d "${book:-$set}" ] || { echo "passed over, ${book:-$set} is not there"; return; }
    DOCENT_DATA_DIR=target/eval cargo run --quiet -- \
      eval --set "$set" ${book:+--book "$book"} --embedder local --floors "evals/elsewhere/$1.toml"
  }
  if [ -n "${EVAL_SETS:-}" ]; then
    title "scores of the sets in $EVAL_SETS"
    elsewhere anthropic-docs "$EVAL_SETS/anthropic-docs"
    elsewhere squad-dev "$EVAL_SETS/squad-dev"
    DOCENT_DATA_DIR=target/eval cargo run --quiet -- \
      eval claims --set "$EVAL_SETS/squad-dev" --embedder local --floors evals/elsewhere/squad-dev.toml
    elsewhere rust-book evals/scope/rust-book "$EVAL_SETS/sites/rust-book"
    elsewhere rust-followups evals/followups/rust-book "$EVAL_SETS/sites/rust-book"
  fi
fi

if wanted sites; then
  title "routes, anchors and links of real builds"
  need node nodejs
  need npm npm
  need chromium chromium
  crates/corpus/tests/sites/build.sh
fi

if wanted api; then
  title "the API under a schema-driven fuzzer"
  tests/schemathesis.sh
fi

if wanted fuzz; then
  title "fuzz targets, $FUZZ_SECONDS seconds each"
  tests/fuzz.sh "$FUZZ_SECONDS"
fi

if wanted web; then
  title "the reader's side"
  need node nodejs
  need npm npm
  need chromium chromium
  cargo build --quiet -p docent
  web/test.sh
fi

if wanted manual; then
  title "the manual as a site"
  need node nodejs
  need npm npm
  need chromium chromium
  (cd website && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && npm run build)
  cargo build --quiet -p docent
  web/test.sh manual
fi

if [[ " ${parts[*]} " == *" image "* ]]; then
  title "the image of a Space, built and run"
  tests/docker.sh
fi

title "all parts passed: ${parts[*]}"
