#!/usr/bin/env bash
# kill -9 at random system calls of a fetch, as often as told (200): after each, `mop verify` must be clean and the next
# fetch must give the bytes of an undisturbed run.
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset release >/dev/null
cmake --build build/release --target functional_test mop
MOP_KILLS=${1:-200} build/release/tests/functional_test --gtest_filter='StoreFaultsTest.Killed*'
