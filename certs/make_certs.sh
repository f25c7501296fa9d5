#!/bin/sh
# Makes a certificate authority for tests, and certificates of it for this machine. Certificates that are there and good for
# 30 days more are kept. Not for production: the authority's key lies next to them.
#
#   certs/make_certs.sh [DIRECTORY]      default: the folder of this script
set -eu

dir=${1:-$(dirname "$0")}
mkdir -p "$dir"
cd "$dir"
umask 077  # keys are for their owner only

month=2592000  # seconds
work=$(mktemp -d ./.making.XXXXXX)
trap 'rm -rf "$work"' EXIT

ec="-algorithm EC -pkeyopt ec_paramgen_curve:P-256"
rsa="-algorithm RSA -pkeyopt rsa_keygen_bits:2048"

# Whether NAME.crt and NAME.key are there, belong together and are good for a month more.
lasts() {
  [ -s "$1.crt" ] && [ -s "$1.key" ] || return 1
  openssl x509 -in "$1.crt" -noout -checkend $month > /dev/null 2>&1 || return 1
  [ "$(openssl x509 -in "$1.crt" -noout -pubkey 2> /dev/null)" = "$(openssl pkey -in "$1.key" -pubout 2> /dev/null)" ]
}

# new_key NAME ALGORITHM...
new_key() {
  name=$1
  shift
  openssl genpkey "$@" -out "$work/$name.key" 2> /dev/null
}

# Puts NAME in place, the key first, so that nobody finds a certificate without its key.
put() {
  chmod 644 "$work/$1.crt"
  mv "$work/$1.key" "$1.key"
  mv "$work/$1.crt" "$1.crt"
  echo "made $dir/$1.crt and $dir/$1.key ($2)"
}

make_authority() {
  new_key ca $ec
  openssl req -x509 -new -key "$work/ca.key" -out "$work/ca.crt" -days 3650 -subj "/CN=gateway test authority" \
    -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign"
  put ca "test authority"
}

# make_leaf NAME NAMES ALGORITHM...
make_leaf() {
  leaf=$1
  names=$2
  shift 2
  new_key "$leaf" "$@"
  cat > "$work/$leaf.ext" << END
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = $names
END
  first=${names%%,*}
  openssl req -new -key "$work/$leaf.key" -subj "/CN=${first#DNS:}" -out "$work/$leaf.csr"
  openssl x509 -req -in "$work/$leaf.csr" -CA ca.crt -CAkey ca.key -set_serial "0x$(openssl rand -hex 16)" -days 825 \
    -extfile "$work/$leaf.ext" -out "$work/$leaf.crt" 2> /dev/null
  openssl verify -CAfile ca.crt "$work/$leaf.crt" > /dev/null
  put "$leaf" "$names"
}

# want_leaf NAME NAMES ALGORITHM...
want_leaf() {
  if lasts "$1" && openssl verify -CAfile ca.crt "$1.crt" > /dev/null 2>&1; then return; fi
  make_leaf "$@"
}

lasts ca || make_authority
local_names="DNS:localhost,DNS:app.internal,IP:127.0.0.1,IP:::1"
want_leaf localhost "$local_names" $ec
want_leaf localhost-rsa "$local_names" $rsa
want_leaf other "DNS:other.example" $ec
