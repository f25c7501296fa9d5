#!/usr/bin/env bash
# Installs @grpc/grpc-js, as package-lock.json names it, into build/grpc_js. Asks the network for nothing when it is there.
set -euo pipefail
from=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
to=$from/../../../build/grpc_js
stamp=$to/installed.json

cmp -s "$from/package-lock.json" "$stamp" && exit 0
echo "Installing @grpc/grpc-js"
rm -rf "$to"
mkdir -p "$to"
cp "$from/package.json" "$from/package-lock.json" "$to"
(cd "$to" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
cp "$from/package-lock.json" "$stamp"
