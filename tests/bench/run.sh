#!/usr/bin/env bash
# The gateway beside other proxies: CPU time a request, latency, memory. See tests/bench/README.md.
#
#   bash tests/bench/run.sh [--quick] [--only SCENARIO,...] [--peers NAME,...] [--rounds N]      --help tells all
#
#   GATEWAY_BEFORE=OTHER/build/release/bin/gateway bash tests/bench/run.sh …    another build takes part as "before"
#
# Wants build/release/bin/gateway, or the program that GATEWAY_BINARY names, and the packages of `conf/install_packages.sh bench`.
set -euo pipefail
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PYTHONPATH=$tests exec /usr/bin/python3 -B -m bench.peers "$@"
