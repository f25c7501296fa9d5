#!/usr/bin/env bash
# Installs what is missing of packages.txt: `install_packages.sh run` what building and serving needs, `install_packages.sh tests` what
# the tests need too, `install_packages.sh bench` also the proxies that are measured. Asks the network for nothing when nothing is missing.
set -euo pipefail
list=$(dirname "${BASH_SOURCE[0]}")/packages.txt

case "${1:-}" in
  run) sections=" run " ;;
  tests) sections=" run tests " ;;
  bench) sections=" run tests bench " ;;
  *) echo "usage: $0 run|tests|bench" >&2; exit 2 ;;
esac

missing=()
section=run
while read -r line; do
  if [[ $line =~ ^#\ \[(.*)\]$ ]]; then section=${BASH_REMATCH[1]}; fi
  [[ -z $line || $line == \#* ]] && continue
  [[ $sections == *" $section "* ]] || continue
  status=$(dpkg-query -W -f '${db:Status-Status}' "$line" 2>/dev/null || true)
  [[ $status == installed ]] && continue
  # Other builds of node's package bring npm along, and Debian's npm does not go with them.
  [[ $line == npm ]] && command -v npm >/dev/null && continue
  missing+=("$line")
done <"$list"
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "These packages are missing, and only root can install them: ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "Installing: ${missing[*]}"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"

# Some packages are services and start at once; what is here for a test alone must not take ports 80 and 443.
for service in nginx nghttpx haproxy h2o caddy; do
  if [[ -d /run/systemd/system && " ${missing[*]} " == *" ${service/nghttpx/nghttp2-proxy} "* ]]; then
    "${as_root[@]}" systemctl disable --quiet --now "$service" || true
  fi
done
