# Shared by the scripts: timed steps, packages by need, caches in the home folder. Sourced from the root of the checkout.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cache=${XDG_CACHE_HOME:-$HOME/.cache}/nightjar
deny_version=0.20.2

# --- steps: what is done, and how long it took ---------------------------------------------------------------------

steps=()
child= # the process group of the running step

# Ends the process group of the running step, whatever it started.
stop_child() { [ -z "$child" ] || kill -- "-$child" 2>/dev/null || true; }
trap stop_child EXIT
trap 'exit 130' INT TERM
set -m # each step is a process group of its own

# step NAME COMMAND...: runs the command; ends the script if it fails. What it prints is also added to $log, if set.
step() {
  local name=$1 began=$SECONDS status=0
  shift
  printf '\n== %s: %s\n' "$name" "$*"
  "$@" </dev/null 2>&1 | tee -a "${log:-/dev/null}" &
  child=$(jobs -p %%)
  wait $! || status=$?
  [ "$status" = 0 ] || stop_child
  child=
  steps+=("$(printf '%-28s %6d s  %s' "$name" $((SECONDS - began)) "$([ "$status" = 0 ] && echo ok || echo FAILED)")")
  printf '== %s: %s after %d s\n' "$name" "$([ "$status" = 0 ] && echo done || echo FAILED)" $((SECONDS - began))
  [ "$status" = 0 ] || { print_steps; exit "$status"; }
}

print_steps() { printf '\n'; printf '%s\n' "${steps[@]}"; }

# --- packages ------------------------------------------------------------------------------------------------------

# packages NAME...: installs the Debian packages of these that are missing, or says how.
packages() {
  local missing=() name root=()
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      echo "Packages are missing. Run this once, then try again:" >&2
      echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
      return 1
    fi
    root=(sudo -n)
  fi
  echo "installing ${missing[*]}"
  "${root[@]}" apt-get update -q
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}

need() { command -v "$1" >/dev/null || { echo "$1 is missing: $2" >&2; exit 1; }; }
need cargo "install Rust 1.95 or newer"
need node "install Node 20"

# --- caches --------------------------------------------------------------------------------------------------------

hash_of() { cat "$@" | sha256sum | cut -c1-16; }

# unshare DIR: gives a folder of hard links its own copy of the files that cargo locks or writes where they stand. Without it
# a build in one folder would wait for the other, and tell it that things were built which were not.
unshare() {
  local marks=(-name .cargo-lock -o -path '*/.fingerprint/*' -o -name '*.d' -o -path '*/build/*' -not -path '*/out/*')
  find "$1" -type f -links +1 \( "${marks[@]}" \) -print0 |
    xargs -0r sh -c 'for f; do cp -p "$f" "$f.own" && mv "$f.own" "$f"; done' _
}

# One target folder for each lock file and compiler, shared by all checkouts. The three used last stay, and any that was
# used in the last three hours: a build may be going on in it.
target_name=$({ cat Cargo.lock; rustc -V; } | sha256sum | cut -c1-16)
export CARGO_TARGET_DIR=$cache/target/$target_name
if [ ! -d "$CARGO_TARGET_DIR" ]; then # begin from the last one: most dependencies stay the same
  last=$(ls -td "$cache"/target/*/ 2>/dev/null | head -n 1)
  [ -z "$last" ] || { cp -al "$last" "$CARGO_TARGET_DIR"; unshare "$CARGO_TARGET_DIR"; }
fi
mkdir -p "$CARGO_TARGET_DIR"
touch "$CARGO_TARGET_DIR"
find "$cache/target" -mindepth 1 -maxdepth 1 -type d -mmin +180 -printf '%T@ %p\n' | sort -rn | tail -n +4 |
  cut -d' ' -f2- | xargs -r rm -rf

# Node modules are kept by the hash of their lock file, and hard-linked into the checkout.
node_modules() {
  local kept
  kept=$cache/node_modules/$(hash_of web/package-lock.json)
  if [ ! -d "$kept" ]; then
    (cd web && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund)
    rm -rf "$cache/node_modules"
    mkdir -p "$cache/node_modules"
    cp -a web/node_modules "$kept.new" && mv "$kept.new" "$kept"
  elif ! cmp -s web/package-lock.json web/node_modules/.of-lock; then
    rm -rf web/node_modules
    cp -al "$kept" web/node_modules 2>/dev/null || { rm -rf web/node_modules; cp -a "$kept" web/node_modules; }
  fi
  rm -f web/node_modules/.of-lock
  cp web/package-lock.json web/node_modules/.of-lock
}

web_build() { (cd web && npm run build); }

# The release program, also at target/release/nightjar of the checkout.
release_build() {
  cargo build --release --package nightjar
  mkdir -p target/release
  install -m 755 "$CARGO_TARGET_DIR/release/nightjar" target/release/nightjar
}

# cargo-deny, built once.
cargo_deny() {
  local root=$cache/tools/cargo-deny-$deny_version
  [ -x "$root/bin/cargo-deny" ] ||
    cargo install --locked --quiet cargo-deny --version "$deny_version" --root "$root" --target-dir "$cache/tools/build"
  rm -rf "$cache/tools/build"
  "$root/bin/cargo-deny" "$@"
}
