#!/usr/bin/env bash
# The tests of edges/$1 against its service on loopback.
set -euo pipefail
source "$(dirname "$0")/node.sh"
cd "$(dirname "$0")/../edges"
new_node || { echo "edge_test: no Node.js 20.19; scripts/bootstrap.sh test installs npm, which brings one"; exit 1; }
for package in $(node -p "Object.keys(require('./$1/package.json').dependencies).join(' ')"); do
  [ -f "node_modules/$package/package.json" ] || { echo "edge_test: no $package; run npm ci --prefix edges"; exit 1; }
done
exec "${run[@]}" node --test "$1/"
