#!/bin/bash
# A certificate authority of its own and a certificate for a server on the loopback interface, below a folder: ca.crt, tls.crt,
# tls.key. Bucket names in front of DNS_NAME are covered, for virtual-host style.
#
#   certificates.sh DATA DNS_NAME
set -euo pipefail
data=$1 dns_name=$2
curve=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
openssl req -x509 "${curve[@]}" -days 3650 -subj "/CN=tsnap test CA" -keyout "$data/ca.key" -out "$data/ca.crt" 2>/dev/null
openssl req "${curve[@]}" -subj "/CN=$dns_name" -keyout "$data/tls.key" -out "$data/tls.csr" 2>/dev/null
openssl x509 -req -in "$data/tls.csr" -CA "$data/ca.crt" -CAkey "$data/ca.key" -CAcreateserial -days 3650 -out "$data/tls.crt" \
  -extfile <(echo "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:$dns_name,DNS:*.$dns_name") 2>/dev/null
