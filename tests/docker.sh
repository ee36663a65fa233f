#!/usr/bin/env bash
# Builds the image of a Space with a real Docker engine and runs it as Hugging Face does: as user 1000, with a read-only
# root file system. Prints build time, sizes, time to healthy and memory.
#
# Wants root on Debian; elsewhere it says that it was skipped. It starts an engine of its own with its own folders, so an
# engine that is already there is not touched. No registry is asked: stand-ins for the two base images are made with
# debootstrap and this machine's Rust. Set DOCENT_DOCKER_PULL=1 to pull the real ones instead, and DOCENT_DOCKER_DIR to keep
# engine and base images between runs.
set -euo pipefail
cd "$(dirname "$0")/.."
repo=$PWD

skip() { printf '\n!! SKIPPED: the image of a Space was neither built nor run: %s\n\n' "$*" >&2; exit 0; }
[ "$(id -u)" = 0 ] || skip "not root"
command -v apt-get >/dev/null || skip "no apt-get"
[ "$(uname -m)" = x86_64 ] || skip "Spaces run on x86_64, this is $(uname -m)"

missing=()
command -v dockerd >/dev/null || missing+=(docker.io)
command -v debootstrap >/dev/null || missing+=(debootstrap)
command -v iptables >/dev/null || missing+=(iptables)
command -v curl >/dev/null || missing+=(curl)
if [ "${#missing[@]}" -gt 0 ]; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    skip "${missing[*]} cannot be installed"
fi
# Later Debians ship the client apart.
command -v docker >/dev/null || apt-get install -y -qq --no-install-recommends docker-cli >/dev/null || skip "no docker client"

# The Dockerfile needs BuildKit. A client since 23 has it only with a plugin; Debian's own client of before has it inside.
if ! docker buildx version >/dev/null 2>&1 && [ -x /usr/bin/docker ]; then docker() { /usr/bin/docker "$@"; }; fi
if [ "$(docker version --format '{{.Client.Version}}' 2>/dev/null | cut -d. -f1)" -ge 23 ] && ! docker buildx version >/dev/null 2>&1; then
  apt-get install -y -qq --no-install-recommends docker-buildx >/dev/null || skip "docker-buildx cannot be installed"
fi

keep=${DOCENT_DOCKER_DIR:-}
work=${keep:-$(mktemp -d /var/tmp/docent-docker.XXXXXX)}
mkdir -p "$work/d"
export DOCKER_HOST=unix://$work/d/docker.sock DOCKER_BUILDKIT=1
# A proxy of the machine must not stand between curl and loopback.
export no_proxy=127.0.0.1,localhost

stop_engine() {
  [ -s "$work/d/docker.pid" ] || return 0
  local pid; pid=$(cat "$work/d/docker.pid")
  kill "$pid" 2>/dev/null || return 0
  for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.2; done
}
clean() {
  local code=$?
  [ -z "${containers:-}" ] || docker rm -f $containers >/dev/null 2>&1 || true
  [ -z "${doubles:-}" ] || kill "$doubles" 2>/dev/null || true
  if [ -z "$keep" ]; then
    stop_engine
    grep -q " $work/d/" /proc/mounts && sleep 1
    rm -rf --one-file-system "$work" 2>/dev/null || true
  fi
  exit "$code"
}
trap clean EXIT

if ! docker info >/dev/null 2>&1; then
  # In a session of its own, so that an interrupt reaches this script first.
  setsid dockerd --data-root "$work/d/data" --exec-root "$work/d/exec" -H "$DOCKER_HOST" --pidfile "$work/d/docker.pid" \
    >"$work/d/log" 2>&1 </dev/null &
  for _ in $(seq 120); do docker info >/dev/null 2>&1 && break; sleep 0.5; done
  docker info >/dev/null 2>&1 || skip "the engine does not start: $(tail -n 1 "$work/d/log")"
fi

seconds() { date +%s.%N; }
since() { awk -v from="$1" -v to="$(seconds)" 'BEGIN { printf "%.1f", to - from }'; }
fail() { echo "FAILED: $*" >&2; exit 1; }

base=debian:bookworm-slim
builder=rust:1-slim-bookworm
if [ -n "${DOCENT_DOCKER_PULL:-}" ]; then
  docker pull -q "$base" && docker pull -q "$builder"
fi

if ! docker image inspect "$base" >/dev/null 2>&1; then
  began=$(seconds)
  [ -e "$work/root/etc/debian_version" ] || debootstrap --variant=minbase bookworm "$work/root" >"$work/debootstrap.log" 2>&1 ||
    { tail "$work/debootstrap.log"; fail "debootstrap"; }
  # The official slim image leaves the same out, and keeps the licences.
  find "$work/root/usr/share/doc" -type f ! -name copyright -delete
  tar -C "$work/root" --exclude=./proc/* --exclude=./sys/* --exclude=./dev/* --exclude=./var/cache/apt/* \
    --exclude=./var/lib/apt/lists/* --exclude=./usr/share/man/* --exclude=./usr/share/locale/* \
    --exclude=./usr/share/info/* --exclude=./usr/share/lintian/* --exclude=./var/log/* -c . | docker import - "$base" >/dev/null
  echo "stand-in for $base: $(since "$began") s, $(docker image inspect --format '{{.Size}}' "$base" | awk '{printf "%.1f", $1/1e6}') MB"
fi

if ! docker image inspect "$builder" >/dev/null 2>&1; then
  began=$(seconds)
  cargo fetch --quiet --locked
  context=$work/builder
  rm -rf "$context"; mkdir -p "$context/cargo"
  # The toolchain without its manual, and the sources of the crates: the stand-in asks nobody.
  tar -C "$(rustc --print sysroot)" --exclude=./share/doc --exclude=./lib/rustlib/src -c . | tar -C "$context" --one-top-level=rust -x
  cp -r "${CARGO_HOME:-$HOME/.cargo}/registry" "$context/cargo/registry"
  rm -rf "$context/cargo/registry/src"
  cat >"$context/Dockerfile" <<EOF
FROM $base
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY rust /usr/local/rust
COPY cargo /usr/local/cargo
ENV PATH=/usr/local/rust/bin:\$PATH CARGO_HOME=/usr/local/cargo CARGO_NET_OFFLINE=true
EOF
  docker build -q --network host -t "$builder" "$context" >/dev/null
  rm -rf "$context"
  echo "stand-in for $builder: $(since "$began") s"
fi

# Binaries of this checkout: the exporter and the doubles.
cargo build --quiet -p docent -p doubles
docent=${CARGO_TARGET_DIR:-target}/debug/docent
tree=$work/tree
rm -rf "$tree"
"$docent" space export "$tree" --source "$repo" --book docs
if find "$tree" -type l | grep -q .; then fail "the tree holds a symlink"; fi

image() { # name, folder, options…
  local name=$1 folder=$2; shift 2
  docker build --progress plain --network host -t "$name" "$@" "$folder" >"$work/build.log" 2>&1 ||
    { tail -n 40 "$work/build.log"; fail "docker build of $name"; }
}

# Seconds of processor time that all containers and builds have used: unlike the clock it does not count other programs.
worked() {
  if [ -r /sys/fs/cgroup/cpuacct/docker/cpuacct.usage ]; then awk '{ printf "%.0f", $1 / 1e9 }' /sys/fs/cgroup/cpuacct/docker/cpuacct.usage
  elif [ -r /sys/fs/cgroup/docker/cpu.stat ]; then awk '/^usage_usec/ { printf "%.0f", $2 / 1e6 }' /sys/fs/cgroup/docker/cpu.stat
  else echo 0; fi
}

began=$(seconds); before=$(worked)
image hf-rag-test "$tree" --no-cache
build_time=$(since "$began"); build_work=$(($(worked) - before))

began=$(seconds); before=$(worked)
echo "// A change of the code." >>"$tree/crates/docent/src/main.rs"
image hf-rag-changed "$tree"
rebuild_time=$(since "$began"); rebuild_work=$(($(worked) - before))

size=$(docker image inspect --format '{{.Size}}' hf-rag-test)
compressed=$(docker save hf-rag-test | gzip | wc -c)
system=$(docker history --human=false --format '{{.Size}} {{.CreatedBy}}' hf-rag-test | awk '/busybox/ { print $1 }')

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# What a container gets as on a Space.
limits=(--read-only --tmpfs /tmp --memory 16g --cpus 2 --user 1000)
milliseconds() { echo $((($(date +%s%N) - $1) / 1000000)); }

# Starts a container and waits until it is ready; sets `id`, `url` and `ready_ms`.
start() { # name, docker options…
  local name=$1; shift
  port=$(free_port)
  url=http://127.0.0.1:$port
  docker rm -f "$name" >/dev/null 2>&1 || true
  local from; from=$(date +%s%N)
  id=$(docker run -d --name "$name" --network host -e PORT="$port" --no-healthcheck "${limits[@]}" "$@")
  containers="${containers:-} $name"
  until curl -fsS -o /dev/null "$url/readyz" 2>/dev/null; do
    [ "$(docker inspect --format '{{.State.Running}}' "$id")" = true ] || { docker logs "$id"; fail "$name ended"; }
    [ "$(milliseconds "$from")" -lt 60000 ] || { docker logs "$id"; fail "$name is not ready"; }
    sleep 0.02
  done
  ready_ms=$(milliseconds "$from")
}
# The image's own HEALTHCHECK turns healthy, without any network. It looks every 15 s; here it looks more often, so that the
# program is measured and not the pause. Sets `healthy_ms`.
healthy() { # image
  docker rm -f docent-health >/dev/null 2>&1 || true
  containers="${containers:-} docent-health"
  local from; from=$(date +%s%N)
  docker run -d --name docent-health --network none --health-interval 200ms "${limits[@]}" "$1" >/dev/null
  until [ "$(docker inspect --format '{{.State.Health.Status}}' docent-health)" = healthy ]; do
    [ "$(milliseconds "$from")" -lt 60000 ] || { docker inspect --format '{{json .State.Health}}' docent-health; fail "not healthy"; }
    sleep 0.02
  done
  healthy_ms=$(milliseconds "$from")
}
# Resident memory of the process, and the part of it that is no file, in MiB.
memory() {
  awk '/^VmRSS/ { rss = $2 } /^RssAnon/ { anon = $2 } END { printf "%.1f MiB (%.1f MiB of its own)", rss / 1024, anon / 1024 }' \
    "/proc/$(docker inspect --format '{{.State.Pid}}' "$id")/status"
}
ask() { curl -fsSN --max-time 60 "$url/api/chat" -H 'content-type: application/json' -d '{"message": "How long may a selection be?"}'; }

healthy hf-rag-test
start docent-lexical -e DOCENT_EMBEDDER=none hf-rag-test
lexical_ready=$ready_ms
ask | grep -q '"type":"done"' || fail "no whole answer, words only"
lexical_memory=$(memory)

start docent-local hf-rag-test
local_ready=$ready_ms
local_idle=$(memory)
answer=$(ask)
grep -q '"outcome":"answered"' <<<"$answer" || { echo "$answer"; fail "the question was not answered"; }
grep -q 8,000 <<<"$answer" || { echo "$answer"; fail "another answer was expected"; }
local_memory=$(memory)
[ "$(docker exec "$id" id -u)" = 1000 ] || fail "not user 1000"
docker exec "$id" sh -c 'touch /home/user/app/x' 2>/dev/null && fail "the root file system can be written"
# What was made smaller is still a Debian that one can look around in, and it belongs to root.
docker exec "$id" bash -ec '
  . /etc/os-release; [ "$ID $VERSION_ID" = "debian 12" ]
  for command in sh ls cat grep sed awk find tar gzip env getent curl; do command -v $command >/dev/null || { echo "no $command"; exit 1; }; done
  getent passwd user >/dev/null; getent hosts localhost >/dev/null; dpkg-query -W curl libc6 >/dev/null
  [ "$(grep -c BEGIN.CERTIFICATE /etc/ssl/certs/ca-certificates.crt)" -gt 100 ]
  ls /usr/share/doc/*/copyright >/dev/null
  foreign=$(find / -xdev -user user ! -path "/home/user*" ! -path "/proc/*" ! -path "/tmp*" 2>/dev/null | head); [ -z "$foreign" ] || { echo "belongs to user: $foreign"; exit 1; }
' || fail "the system of the image lacks something"
# The manual's own site is not running here, so its links open nothing; all else must be well.
"$docent" doctor "$url" --json >"$work/doctor.json" || true
faults=$(python3 -c 'import json, sys; print(*[f["check"] for f in json.load(open(sys.argv[1]))["findings"] if f["status"] == "failed"])' "$work/doctor.json")
[ "$faults" = citation ] || { cat "$work/doctor.json"; fail "docent doctor finds: $faults"; }

# A stream that is running when the host says stop: it goes on to its end, then the container ends with 0.
coproc DOUBLES { exec "${CARGO_TARGET_DIR:-target}/debug/doubles" --between-ms 150 --words 1 --stay \
  --answer "The first part of a long answer that is streamed word by word while the container is told to stop [1]."; }
doubles=$DOUBLES_PID
read -r _ gemini_url gemini_key <&"${DOUBLES[0]}"
start docent-drain -e GEMINI_API_KEY="$gemini_key" -e DOCENT_GEMINI_BASE_URL="$gemini_url" hf-rag-test
ask >"$work/stream" & asking=$!
for _ in $(seq 100); do grep -q '"type":"token"' "$work/stream" && break; sleep 0.05; done
began=$(seconds)
docker stop -t 15 "$id" >/dev/null
drain_time=$(since "$began")
wait "$asking" || fail "the stream was cut"
grep -q '"type":"done"' "$work/stream" || { cat "$work/stream"; fail "the stream has no end"; }
[ "$(docker inspect --format '{{.State.ExitCode}}' "$id")" = 0 ] || fail "exit code $(docker inspect --format '{{.State.ExitCode}}' "$id")"

# The same image from the executable alone.
prebuilt=$work/prebuilt
rm -rf "$prebuilt"
docker cp -q "docent-local:/home/user/app/docent" "$work/docent" 2>/dev/null || docker cp "docent-local:/home/user/app/docent" "$work/docent"
began=$(seconds)
"$work/docent" space export "$prebuilt" --prebuilt --book docs
image hf-rag-prebuilt "$prebuilt"
prebuilt_time=$(since "$began")
start docent-prebuilt hf-rag-prebuilt
ask | grep -q '"outcome":"answered"' || fail "the prebuilt image does not answer"

mb() { awk -v bytes="$1" 'BEGIN { printf "%.1f MB", bytes / 1e6 }'; }
cat <<EOF

image of a Space, on $(nproc) cores under a load of $(cut -d' ' -f1 /proc/loadavg)
  build, from nothing but the base images  $build_time s, $build_work s of processor time
  build after a change of the code         $rebuild_time s, $rebuild_work s of processor time
  build of --prebuilt, export included     $prebuilt_time s
  size                                     $(mb "$size"), $(mb "$system") of it Debian with curl
  compressed                               $(mb "$compressed")
  docker run to healthy                    $healthy_ms ms
  docker run to ready, words only          $lexical_ready ms
  docker run to ready, local encoder       $local_ready ms
  memory idle, words only                  $lexical_memory
  memory idle, local encoder               $local_idle; after a question $local_memory
  a stream drained after SIGTERM           $drain_time s
EOF
echo "image: everything held"
