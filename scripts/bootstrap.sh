#!/usr/bin/env bash
# Installs the Debian/Ubuntu packages MOP is built with. Run it as often as you like: it does nothing when
# nothing is missing. `bootstrap.sh web` adds what the dashboard is built with, `test` what the tests use as well, `check` the
# linters and the fuzzers' compiler.
set -euo pipefail

build=(g++ make cmake ninja-build git ca-certificates libboost1.81-dev libssl-dev libcurl4-openssl-dev libzip-dev
       libsqlite3-dev libhwy-dev libfmt-dev libspdlog-dev libexpected-dev libcli11-dev libtomlplusplus-dev libgtest-dev)
web=(nodejs npm)
test=("${web[@]}" chromium python3-pandas)
check=(clang-format clang-tidy-19 clang-19 libclang-rt-19-dev g++-aarch64-linux-gnu)

packages=("${build[@]}")
for extra in "$@"; do
  case $extra in
    web) packages+=("${web[@]}") ;;
    test) packages+=("${test[@]}") ;;
    check) packages+=("${check[@]}") ;;
    *) echo "bootstrap.sh: unknown set '$extra'; known: web, test, check" >&2; exit 2 ;;
  esac
done

if ! command -v apt-get >/dev/null; then
  echo "bootstrap.sh: no apt-get here. Install the counterparts of these Debian packages yourself:" >&2
  echo "  ${packages[*]}" >&2
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  # A compiler, make, npm or browser from elsewhere is as good as Debian's.
  case $package in g++ | make | cmake | git | npm | chromium) command -v "$package" >/dev/null && continue ;; esac
  [ "$package" = nodejs ] && command -v node >/dev/null && continue  # tests/e2e brings a newer one if need be
  [ "$package" = ninja-build ] && command -v ninja >/dev/null && continue
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "bootstrap.sh: run as root, or install sudo; missing: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "Installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "$@" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }; }
apt update -qq
apt install -y -qq --no-install-recommends "${missing[@]}"
