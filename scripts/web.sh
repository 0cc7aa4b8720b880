#!/usr/bin/env bash
# Builds the dashboard (web/) into web/dist, from where the program takes it in; does nothing when nothing has changed.
# Without Node.js or npm's registry the program is built without it, and that is said.
set -uo pipefail
source "$(dirname "$0")/node.sh"
cd "$(dirname "$0")/../web"

left_out() {
  if [ -f dist/index.html ]; then
    echo "dashboard: not built again: $1" >&2
  else
    echo "dashboard: left out of mop serve: $1" >&2
  fi
  exit 0
}

if [ -f dist/index.html ] && [ -z "$(find src index.html package-lock.json tsconfig.json vite.config.ts ../api/openapi.yaml \
    -newer dist/index.html -not -name api_types.ts -type f -print -quit)" ]; then
  exit 0
fi
command -v npm >/dev/null || left_out "there is no npm; install Debian's npm and run make build again"
new_node || left_out "node is older than 20.19 and the npm package \`node\` cannot be had"
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
  # With the node that builds: npm leaves out optional parts that another one could not run.
  said=$(timeout 300 "${run[@]}" npm ci --no-audit --no-fund --ignore-scripts --loglevel=error --fetch-retries=1 2>&1) || {
    rm -rf node_modules
    grep -q EUSAGE <<<"$said" && { echo "$said" >&2; exit 1; }  # the lock file is wrong
    left_out "npm cannot install what builds it: $(grep -m 1 -o 'request to .*\|code E[A-Z_]*' <<<"$said")"
  }
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{ "${run[@]}" npm run --silent types && "${run[@]}" npm run --silent check && "${run[@]}" npm run --silent build; } >"$log" 2>&1 ||
  { cat "$log" >&2; exit 1; }
echo "dashboard: $(du -cb dist/assets/* dist/index.html | tail -n 1 | cut -f 1) bytes in web/dist"
