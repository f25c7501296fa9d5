#!/usr/bin/env bash
# From a fresh checkout to a page over HTTP/2: installs what is missing, builds, makes a certificate for localhost and
# serves conf/demo.toml until Ctrl-C. With --check it fetches the page once and ends; the exit code says whether it came.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly config=conf/demo.toml
readonly gateway=build/release/bin/gateway
readonly fetch=(curl --http2 --cacert certs/ca.crt https://localhost:8443/)

fail() {
  echo "quickstart: $*" >&2
  exit 1
}

check_ports_are_free() {
  local address
  while read -r address; do
    if (exec 3<>"/dev/tcp/${address%:*}/${address##*:}") 2>/dev/null; then
      fail "something already listens on $address. Stop it, or change the address in $config."
    fi
  done < <(sed -n 's/^address *= *"\([0-9.]*:[0-9]*\)".*/\1/p' "$config")
}

# Fetches the page as soon as process $1 serves it, for up to ten seconds.
show_page() {
  local deadline=$((SECONDS + 10)) page
  until page=$("${fetch[@]}" --silent --fail --max-time 5 2>/dev/null); do
    kill -0 "$1" 2>/dev/null || return 1
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
  printf '\n$ %s\n%s\n\n' "${fetch[*]}" "$page"
}

[[ $# -eq 0 || ( $# -eq 1 && $1 == --check ) ]] || { echo "usage: $0 [--check]" >&2; exit 2; }
bash conf/install_packages.sh run || fail "the packages could not be installed"
cmake --preset release >/dev/null || fail "cmake could not configure the build"
cmake --build --preset release --target gateway || fail "the build failed"
[[ -f certs/localhost.crt && -f certs/localhost.key && -f certs/ca.crt ]] || bash certs/make_certs.sh
check_ports_are_free

if [[ ${1:-} == --check ]]; then
  "$gateway" run --config "$config" &
  pid=$!
  trap 'kill -KILL $pid 2>/dev/null || true' EXIT
  show_page "$pid" || fail "no page came from ${fetch[*]}"
  kill -TERM "$pid"
  wait "$pid" || fail "the gateway ended with code $?"
  trap - EXIT
  exit 0
fi

(
  if show_page $$; then
    echo "That was the page. The gateway serves on; Ctrl-C ends it."
  elif kill -TERM $$ 2>/dev/null; then
    echo "quickstart: no page came from ${fetch[*]}" >&2
  fi
) &
exec "$gateway" run --config "$config"
