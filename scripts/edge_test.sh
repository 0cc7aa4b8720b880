#!/usr/bin/env bash
# The tests of edges/$1 against its service on loopback. 77 (skipped) without Node.js or without its packages:
# npm ci --prefix edges
set -euo pipefail
source "$(dirname "$0")/node.sh"
cd "$(dirname "$0")/../edges"
new_node || { echo "skipped: no Node.js 20.19"; exit 77; }
for package in $(node -p "Object.keys(require('./$1/package.json').dependencies).join(' ')"); do
  [ -f "node_modules/$package/package.json" ] || { echo "skipped: run npm ci --prefix edges"; exit 77; }
done
exec "${run[@]}" node --test "$1/"
