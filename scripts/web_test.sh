#!/usr/bin/env bash
# What of the dashboard needs no browser. 77 (skipped) without what scripts/web.sh installs.
set -euo pipefail
source "$(dirname "$0")/node.sh"
cd "$(dirname "$0")/../web"
[ -f node_modules/vitest/package.json ] || { echo "skipped: scripts/web.sh could not install vitest"; exit 77; }
new_node || { echo "skipped: no Node.js 20.19"; exit 77; }
exec "${run[@]}" npm run --silent test
