#!/bin/sh
# Installs autoissue from its releases:
#
#     curl -fsSL https://github.com/autoissue/autoissue/releases/latest/download/install.sh | sh
#     curl -fsSL https://github.com/autoissue/autoissue/releases/latest/download/install.sh | sh -s -- --version 0.1.0
#
# Needs curl or wget, tar, and sha256sum or shasum. Writes below one directory and changes no shell configuration.
set -eu

usage() {
  cat <<'END'
Install autoissue from its releases

Usage: install.sh [OPTIONS]

Options:
      --version VERSION  Install this version (default: the latest release)
      --prefix DIR       Install into DIR/bin and DIR/share (default: ~/.local)
      --target TARGET    Install the archive of this target (default: the one for this machine)
      --from URL         Download from here (default: https://github.com/autoissue/autoissue/releases)
  -h, --help             Print help

A URL may start with https://, http:// or file://.
END
}

# The archives for glibc are built on a system with this version; older systems get the static program.
glibc_minor_min=35

say() { printf '%s\n' "$*"; }

# Prints what went wrong and what to do about it, and ends: fail MESSAGE HINT...
fail() {
  printf 'error: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf '  hint: %s\n' "$@" >&2
  exit 1
}

misused() {
  printf 'error: %s\n\n' "$1" >&2
  usage >&2
  exit 2
}

have() { command -v "$1" >/dev/null 2>&1; }

# Prints the target of the archive for this machine.
detect_target() {
  system=$(uname -s)
  machine=$(uname -m)
  case $machine in
    x86_64 | amd64) machine=x86_64 ;;
    aarch64 | arm64) machine=aarch64 ;;
    *) system=other ;;
  esac
  case $system in
    Linux)
      # `getconf` prints "glibc 2.39"; without glibc it prints nothing.
      minor=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc 2\.\([0-9]*\).*/\1/p') || minor=
      if [ "${minor:-0}" -ge "$glibc_minor_min" ]; then libc=gnu; else libc=musl; fi
      say "$machine-unknown-linux-$libc"
      ;;
    Darwin)
      # A shell under Rosetta reports the processor that it is given.
      [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || true)" != 1 ] || machine=aarch64
      say "$machine-apple-darwin"
      ;;
    *)
      fail "there is no archive for this platform: $(uname -s) on $(uname -m)" \
        "Install Rust (https://rustup.rs), then run \`cargo install --git https://github.com/autoissue/autoissue autoissue\`"
      ;;
  esac
}

# Downloads a file of the release: download NAME.
download() {
  url=$base/$1
  case $url in
    file://*)
      cp "${url#file://}" "$scratch/$1" 2>/dev/null && return
      not_found "$url"
      ;;
  esac
  status=0
  if have curl; then
    case $url in https://*) protocol='=https' ;; *) protocol='=http,https' ;; esac
    curl --proto "$protocol" --fail --silent --show-error --location --retry 3 --output "$scratch/$1" "$url" || status=$?
    [ "$status" -ne 22 ] || not_found "$url"
  else
    wget -q -O "$scratch/$1" "$url" || status=$?
    [ "$status" -ne 8 ] || not_found "$url"
  fi
  [ "$status" -eq 0 ] || fail "cannot download $url" "Check the network connection and proxy settings, then try again"
}

not_found() {
  if [ -n "$version" ]; then release="autoissue $version"; else release="the latest release of autoissue"; fi
  fail "cannot find $release for $target: $1" "Choose one of the versions at https://github.com/autoissue/autoissue/releases"
}

# Fails unless a downloaded file has the checksum that the release gives for it: verify NAME.
verify() {
  expected=$(awk -v name="$1" '$2 == name || $2 == "*" name { print $1 }' "$scratch/SHA256SUMS")
  [ -n "$expected" ] || fail "SHA256SUMS has no checksum for $1" "Report this at https://github.com/autoissue/autoissue/issues"
  if have sha256sum; then actual=$(sha256sum "$scratch/$1"); else actual=$(shasum -a 256 "$scratch/$1"); fi
  actual=${actual%% *}
  [ "$actual" = "$expected" ] || fail "wrong checksum for $1: expected $expected, got $actual" \
    "Nothing was installed. Try again; if it happens again, report it at https://github.com/autoissue/autoissue/security"
}

# Installs a file under a temporary name first, so that a running program is replaced and never half written: place FILE DESTINATION.
place() {
  directory=${2%/*}
  { mkdir -p "$directory" && cp "$1" "$directory/.autoissue-new.$$" && mv -f "$directory/.autoissue-new.$$" "$2"; } 2>"$scratch/problem" && return
  rm -f "$directory/.autoissue-new.$$" 2>/dev/null || true
  fail "cannot write $2: $(head -n 1 "$scratch/problem")" "Choose a directory that you can write to with \`--prefix DIR\`"
}

main() {
  version='' target='' prefix='' releases=https://github.com/autoissue/autoissue/releases
  while [ $# -gt 0 ]; do
    case $1 in
      --version | --prefix | --target | --from) [ $# -ge 2 ] || misused "$1 needs a value" ;;
    esac
    case $1 in
      --version) version=${2#v} && shift ;;
      --prefix) prefix=$2 && shift ;;
      --target) target=$2 && shift ;;
      --from) releases=${2%/} && shift ;;
      -h | --help) usage && exit ;;
      *) misused "unknown argument: $1" ;;
    esac
    shift
  done
  case $releases in
    https://* | http://*) have curl || have wget || fail "neither curl nor wget is installed" "Install one of them, then try again" ;;
    file://*) ;;
    *) misused "--from is not a URL: $releases" ;;
  esac
  have tar || fail "tar is not installed" "Install it, then try again"
  have sha256sum || have shasum || fail "neither sha256sum nor shasum is installed" "Install one of them, then try again"
  [ -n "$prefix" ] || prefix=${HOME:?the variable HOME is not set; use --prefix DIR}/.local
  [ -n "$target" ] || target=$(detect_target)
  if [ -n "$version" ]; then base=$releases/download/v$version; else base=$releases/latest/download; fi

  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  trap 'exit 130' INT TERM
  name=autoissue-$target
  say "Downloading $base/$name.tar.gz"
  download SHA256SUMS
  download "$name.tar.gz"
  verify "$name.tar.gz"
  tar -xzf "$scratch/$name.tar.gz" -C "$scratch" || fail "cannot unpack $name.tar.gz"
  new=$("$scratch/$name/bin/autoissue" --version 2>"$scratch/problem") ||
    fail "the downloaded program does not run here: $(head -n 1 "$scratch/problem")" "Choose another archive with \`--target TARGET\`"

  program=$prefix/bin/autoissue
  old=
  [ ! -x "$program" ] || old=$("$program" --version 2>/dev/null) || old="an older version"
  (cd "$scratch/$name" && find bin share -type f) >"$scratch/files"
  # The program last: it is there only if everything else is.
  while read -r file; do
    [ "$file" = bin/autoissue ] || place "$scratch/$name/$file" "$prefix/$file"
  done <"$scratch/files"
  place "$scratch/$name/bin/autoissue" "$program"

  case $old in
    '') say "Installed $new in $prefix/bin" ;;
    "$new") say "Reinstalled $new in $prefix/bin" ;;
    *) say "Replaced $old with $new in $prefix/bin" ;;
  esac
  first=$(command -v autoissue || true)
  case :$PATH: in
    *:"$prefix/bin":*)
      [ "$first" = "$program" ] || say "Another autoissue comes first on your PATH: $first"
      ;;
    *)
      say "$prefix/bin is not on your PATH. Add this line to your shell's configuration:"
      say "    export PATH=\"$prefix/bin:\$PATH\""
      ;;
  esac
  say "Next: run \`autoissue demo\`"
}

# On the last line, so that a script that arrives incomplete does nothing.
main "$@"
