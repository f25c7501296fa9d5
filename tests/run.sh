#!/usr/bin/env bash
# Installs what is missing, builds and runs the tests: `run.sh` in release, asan and tsan and the fuzz targets, `run.sh release` in
# one of them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

presets=("$@")
[[ $# -gt 0 ]] || presets=(release asan tsan fuzz)

bash conf/install_packages.sh tests
bash tests/support/grpc_js/install.sh || echo "tests/run.sh: npm did not bring @grpc/grpc-js: its tests are skipped" >&2

# The sanitizers of GCC 12 and clang 14 do not bear the address randomisation of newer kernels.
without_randomisation=()
if setarch -R true 2>/dev/null; then without_randomisation=(setarch -R); fi

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-second_deadlock_stack=1:suppressions=$PWD/tests/tsan.supp}

# What the lines of a test that failed look like: ctest's, pytest's, GoogleTest's and the sanitizers'.
failures='\*\*\*(Failed|Timeout|Exception|Not Run)|^(FAILED|ERROR) |^E  |: Failure$|ERROR: .*Sanitizer|WARNING: ThreadSanitizer|runtime error:'

declare -A closing said
failed=0
for preset in "${presets[@]}"; do
  echo "== $preset"
  cmake --preset "$preset" >/dev/null
  cmake --build --preset "$preset" -j 2
  chosen=()
  prefix=()
  if [[ $preset == tsan ]]; then
    chosen=(-L 'unit|threads')
  fi
  if [[ $preset == tsan || $preset == fuzz ]]; then prefix=("${without_randomisation[@]}"); fi
  log=$(mktemp)
  "${prefix[@]}" ctest --preset "$preset" -j 2 "${chosen[@]}" | tee "$log" || failed=1
  closing[$preset]=$(grep -E 'tests passed|No tests were found' "$log" || echo "ctest did not finish")
  if grep -q 'No tests were found' "$log"; then failed=1; fi
  said[$preset]=$(grep -E "$failures" "$log" | head -n 30 | sed 's/^/  /' || true)
  rm -f "$log"
done

echo
for preset in "${presets[@]}"; do
  [[ -z ${said[$preset]} ]] || echo "${said[$preset]}"
  echo "$preset: ${closing[$preset]}"
done
exit "$failed"
