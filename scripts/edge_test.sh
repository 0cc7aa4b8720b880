#!/usr/bin/env bash
# The tests of edges/$1 against its service on loopback. 77 (skipped) without Node.js or without its packages:
# npm ci --prefix edges
set -euo pipefail
cd "$(dirname "$0")/../edges"
command -v node >/dev/null || { echo "skipped: no node"; exit 77; }
for package in $(node -p "Object.keys(require('./$1/package.json').dependencies).join(' ')"); do
  [ -f "node_modules/$package/package.json" ] || { echo "skipped: run npm ci --prefix edges"; exit 77; }
done
exec node --test "$1/"
