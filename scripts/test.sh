#!/usr/bin/env bash
# Every test of a built tree; the last line sums up.
set -uo pipefail
cd "$(dirname "$0")/.."
results=build/release/test_results.xml
# The edges' tests run in ctest and fail, saying so, where npm cannot install their clients.
[ edges/node_modules/.package-lock.json -nt edges/package-lock.json ] ||
  timeout 300 npm ci --prefix edges --no-audit --no-fund --ignore-scripts --loglevel=error --fetch-retries=1 || true
# The output of passed tests is kept whole: some of them state what they skip.
ctest --test-dir build/release --output-on-failure --no-tests=error --test-output-size-passed 100000 -j "$(nproc)" \
  --output-junit "$PWD/$results"
status=$?
count() { grep -m 1 -o "^[[:space:]]*$1=\"[0-9]*\"" $results | tr -dc 0-9; }
total=$(count tests) failed=$(count failures) skipped=$(count skipped)
passed=$((total - failed - skipped))
if [ "${skipped:-0}" -gt 0 ]; then
  echo "Skipped:"
  awk '/<testcase /{split($0, part, "\""); name = part[2]}
       /: Skipped$/{getline reason; print "  " name ": " reason}
       sub(/^.*(skipped: |﹣ |# SKIP )/, "") {print "  " name ": " $0}' $results
fi
scripts/e2e.sh build/release/e2e_counts || status=1
read -r e2e_passed e2e_failed e2e_skipped <build/release/e2e_counts
echo "$((passed + e2e_passed)) passed, $((failed + e2e_failed)) failed, $((skipped + e2e_skipped)) skipped"
exit $status
