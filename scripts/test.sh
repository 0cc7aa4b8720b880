#!/usr/bin/env bash
# Every test of a built tree; the last line sums up.
set -uo pipefail
cd "$(dirname "$0")/.."
results=build/release/test_results.xml
ctest --test-dir build/release --output-on-failure --no-tests=error -j "$(nproc)" --output-junit "$PWD/$results"
status=$?
count() { grep -m 1 -o "^[[:space:]]*$1=\"[0-9]*\"" $results | tr -dc 0-9; }
total=$(count tests) failed=$(count failures) skipped=$(count skipped)
if [ "${skipped:-0}" -gt 0 ]; then
  echo "Skipped:"
  awk '/<testcase /{split($0, part, "\""); name = part[2]}
       /: Skipped$/{getline reason; print "  " name ": " reason}' $results
fi
echo "$((total - failed - skipped)) passed, $failed failed, $skipped skipped"
exit $status
