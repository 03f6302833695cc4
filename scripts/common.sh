# Functions of the scripts here. Sourced, not run.

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

# Installs the Debian packages of missing programs and files: need PROGRAM=PACKAGE... /FILE=PACKAGE...
need() {
  local missing=() pair
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || [[ $pair = /* && -e ${pair%%=*} ]] || missing+=("${pair#*=}")
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
  # shellcheck disable=SC2086 # split into words
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c "apt-get update --quiet && $install" >&2
}

# Installs PostgreSQL's server, which Debian keeps outside the path.
need_postgresql() {
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || need initdb=postgresql
}

# Checks what a build needs: a C compiler for aws-lc and SQLite, and the toolchain of rust-toolchain.toml.
need_toolchain() {
  need cc=gcc make=make ar=binutils
  # Before a distribution's: only this one reads rust-toolchain.toml.
  if [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
    PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
  fi
  command -v cargo >/dev/null ||
    fail "cargo is not installed" "install Rust from https://rustup.rs; rust-toolchain.toml chooses the version"
  local wanted found
  wanted=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
  found=$(cargo --version | cut -d ' ' -f 2)
  if [ "$found" != "$wanted" ]; then
    say "warning: cargo is $found, rust-toolchain.toml wants $wanted"
  fi
}

# Installs programs from PyPI below the target directory, ahead in PATH: need_python PROGRAM=PACKAGE==VERSION...
need_python() {
  local tools missing=() pair
  tools=$(target_directory)/tools
  for pair in "$@"; do
    [ -x "$tools/bin/${pair%%=*}" ] || missing+=("${pair#*=}")
  done
  PATH="$tools/bin:$PATH"
  if [ ${#missing[@]} -eq 0 ]; then return; fi
  need python3=python3
  python3 -c 'import ensurepip' 2>/dev/null || need ensurepip=python3-venv
  say "installing ${missing[*]}"
  [ -x "$tools/bin/pip" ] || python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check "${missing[@]}" >&2
}

# Prints cargo's target directory.
target_directory() {
  cargo metadata --format-version 1 --no-deps --offline 2>/dev/null |
    grep --only-matching '"target_directory":"[^"]*"' | cut -d '"' -f 4
}

# Builds the programs in a profile and runs a subcommand of tests/src/main.rs: build_and_run dev|release SUBCOMMAND...
build_and_run() {
  local profile=$1
  shift
  need_toolchain
  say "building ($profile); the first time takes minutes"
  cargo build --workspace --bins --locked --profile "$profile"
  local directory=debug
  if [ "$profile" = release ]; then directory=release; fi
  exec "$(target_directory)/$directory/ringtail-tests" "$@"
}
