# What the scripts here share. Sourced, not run.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() {
  printf '\033[1m==> %s\033[0m\n' "$*" >&2
}

fail() {
  printf 'error: %s\n' "$1" >&2
  if [ $# -gt 1 ]; then printf 'hint: %s\n' "$2" >&2; fi
  exit 1
}

# Installs Debian packages that bring the given programs: need PROGRAM=PACKAGE...
need() {
  local missing=() pair
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  if [ ${#missing[@]} -eq 0 ]; then return; fi
  local install="apt-get install --yes --no-install-recommends ${missing[*]}"
  command -v apt-get >/dev/null ||
    fail "missing: ${missing[*]}" "install them with this system's package manager"
  say "installing ${missing[*]}"
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "missing: ${missing[*]}" "as root: $install"
    root=(sudo)
  fi
  # shellcheck disable=SC2086 # words are meant to be split
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c "apt-get update --quiet && $install" >&2
}

# What a build needs: a C compiler for aws-lc and SQLite, and the toolchain of rust-toolchain.toml.
need_toolchain() {
  need cc=gcc make=make ar=binutils
  if ! command -v cargo >/dev/null && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
    PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
  fi
  command -v cargo >/dev/null ||
    fail "cargo is not installed" "install Rust from https://rustup.rs; rust-toolchain.toml chooses the version"
  local wanted found
  wanted=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
  found=$(cargo --version | cut -d ' ' -f 2)
  if [ "$found" != "$wanted" ]; then
    say "cargo is $found where rust-toolchain.toml names $wanted: going on"
  fi
}

# Where cargo puts what it builds.
target_directory() {
  cargo metadata --format-version 1 --no-deps --offline 2>/dev/null |
    grep --only-matching '"target_directory":"[^"]*"' | cut -d '"' -f 4
}

# Builds everything in a profile and runs one of the programs in tests/src/bin: build_and_run dev|release PROGRAM...
build_and_run() {
  local profile=$1 program=$2
  shift 2
  need_toolchain
  say "building ($profile); the first time takes minutes"
  cargo build --workspace --bins --locked --profile "$profile"
  local directory=debug
  if [ "$profile" = release ]; then directory=release; fi
  exec "$(target_directory)/$directory/$program" "$@"
}
