#!/usr/bin/env bash
# The tests of edges/ccxt against an exchange on loopback. 77 (skipped) without Node.js or without its packages:
# npm ci --prefix edges
set -euo pipefail
cd "$(dirname "$0")/../edges"
command -v node >/dev/null || { echo "skipped: no node"; exit 77; }
[ -d node_modules/ccxt ] && [ -f node_modules/ccxt/package.json ] || { echo "skipped: run npm ci --prefix edges"; exit 77; }
exec node --test ccxt/
