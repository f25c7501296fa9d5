#!/usr/bin/env bash
# The gateway beside other proxies: CPU time a request, latency, memory. See tests/bench/README.md.
#
#   bash tests/bench/run.sh [--quick] [--only SCENARIO,...] [--peers NAME,...] [--rounds N]      --help tells all
#
#   GATEWAY_BEFORE=OTHER/build/release/bin/gateway bash tests/bench/run.sh …    another build takes part as "before"
#
# Builds what it measures and what asks in build/release, unless GATEWAY_BINARY names a program (with open_loop beside it). Wants the packages
# of `conf/install_packages.sh bench`, and those of the build, which conf/quickstart.sh installs.
set -euo pipefail
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ -z "${GATEWAY_BINARY:-}" ]; then
  (cd "$tests/.." && cmake --preset release && cmake --build --preset release --target gateway open_loop) >&2
fi
PYTHONPATH=$tests exec /usr/bin/python3 -B -m bench.peers "$@"
