#!/usr/bin/env bash
# Binance clients that others keep (npm), driven against build/release/mop sim, the API against api/openapi.yaml, and the
# dashboard in Chromium.
# Installs them once, from the npm registry.
# Nothing else goes outside.
# `e2e.sh FILE` also writes "<passed> <failed> <skipped>" to FILE.
set -uo pipefail
source "$(dirname "$0")/node.sh"
cd "$(dirname "$0")/.."
counts=$(realpath -m "${1:-/dev/null}")
export MOP_BINARY=$PWD/build/release/mop
cd tests/e2e

cannot_run() {
  echo "e2e: $1"
  echo "0 1 0" >"$counts"
  exit 1
}

command -v npm >/dev/null || cannot_run "there is no npm; scripts/bootstrap.sh test installs it"
new_node || cannot_run "node is older than 20.19 and the npm package \`node\` cannot be had"
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
  if ! said=$(timeout 300 "${run[@]}" npm ci --no-audit --no-fund --ignore-scripts --loglevel=error --fetch-retries=1 2>&1); then
    rm -rf node_modules
    cannot_run "npm cannot install the clients: $said"
  fi
fi
tap=$(mktemp)
trap 'rm -f "$tap"' EXIT
export LOG_LEVEL=error  # of @binance/spot
timeout 300 "${run[@]}" node --test --test-concurrency=4 --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=tap --test-reporter-destination="$tap" ./*.test.mjs
status=$?
count() { sed -n "s/^# $1 \([0-9]*\)$/\1/p" "$tap" | tail -n 1; }
passed=$(count pass) failed=$(count fail) skipped=$(count skipped)
[ $status -ne 0 ] && [ "${failed:-0}" -eq 0 ] && failed=1  # it did not come to counting
echo "${passed:-0} ${failed:-0} ${skipped:-0}" >"$counts"
exit $status
