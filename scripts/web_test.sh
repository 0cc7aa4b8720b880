#!/usr/bin/env bash
# What of the dashboard needs no browser.
set -euo pipefail
source "$(dirname "$0")/node.sh"
cd "$(dirname "$0")/../web"
[ -f node_modules/vitest/package.json ] || { echo "web_test: no vitest; run scripts/web.sh, which says what is missing"; exit 1; }
new_node || { echo "web_test: no Node.js 20.19; scripts/bootstrap.sh test installs npm, which brings one"; exit 1; }
exec "${run[@]}" npm run --silent test
