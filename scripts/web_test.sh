#!/usr/bin/env bash
# What of the dashboard needs no browser. 77 (skipped) without what scripts/web.sh installs.
set -euo pipefail
cd "$(dirname "$0")/../web"
[ -f node_modules/vitest/package.json ] || { echo "skipped: scripts/web.sh could not install vitest"; exit 77; }
exec npm run --silent test
