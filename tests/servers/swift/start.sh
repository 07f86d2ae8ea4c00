#!/bin/bash
# OpenStack Swift with its S3 interface on the loopback interface: a second opinion, which checks the region. Installs nothing,
# starts nothing through init; stop.sh on the same folder ends it.
#
#   start.sh DATA HTTP_PORT HTTPS_PORT OBJECT_PORT CONTAINER_PORT ACCOUNT_PORT
#
# DATA has to be on a file system with extended attributes. What clients need is written to DATA/env.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
data=$(realpath -m "${1:?the folder}") http=${2:?the HTTP port} https=${3:?the HTTPS port} object=${4:?} container=${5:?} account=${6:?}
dns_name=s3.localhost secret_key=tsnapSecret000000000000000000000000001
python=/usr/bin/python3   # the one that Debian's packages of Swift are for

mkdir -p "$data"/{etc,log,srv/d1,cache}
: >"$data/pids"
cp "$here/launch.py" "$data/etc/launch.py"
cd "$data/etc"
bash "$here/../certificates.sh" "$data" "$dns_name"
printf '[swift-hash]\nswift_hash_path_suffix = %s\nswift_hash_path_prefix = tsnap\n[storage-policy:0]\nname = p0\ndefault = yes\n' \
  "$(openssl rand -hex 8)" >swift.conf

for one in object:$object container:$container account:$account; do
  kind=${one%%:*} port=${one##*:}
  for step in "create 4 1 0" "add r1z1-127.0.0.1:$port/d1 100" rebalance; do
    # Rebalancing one device warns by its exit status.
    # shellcheck disable=SC2086  # several words
    PYTHONPATH='' $python /usr/bin/swift-ring-builder "$kind.builder" $step >/dev/null || [ "$step" = rebalance ]
  done
  cat >"$kind-server.conf" <<CONF
[DEFAULT]
swift_dir = $data/etc
devices = $data/srv
bind_ip = 127.0.0.1
bind_port = $port
mount_check = false
user = $(id -un)
workers = 0
log_level = WARNING
network_chunk_size = 1048576
disk_chunk_size = 1048576
[pipeline:main]
pipeline = $kind-server
[app:$kind-server]
use = egg:swift#$kind
mb_per_sync = 0
recon_cache_path = $data/cache
CONF
done

for name in http https; do
  port=$http certificate=
  if [ "$name" = https ]; then
    port=$https
    certificate="cert_file = $data/tls.crt
key_file = $data/tls.key"
  fi
  cat >"proxy-$name.conf" <<CONF
[DEFAULT]
swift_dir = $data/etc
bind_ip = 127.0.0.1
bind_port = $port
user = $(id -un)
workers = 1
log_level = WARNING
$certificate
client_timeout = 60
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck listing_formats cache s3api tempauth bulk slo proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
object_chunk_size = 1048576
client_chunk_size = 1048576
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
error_suppression_limit = 1
error_suppression_interval = 86400
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
storage_domain = $dns_name
dns_compliant_bucket_names = true
check_bucket_owner = false
allow_multipart_uploads = true
max_upload_part_num = 10000
[filter:tempauth]
use = egg:swift#tempauth
user_tsnap_admin = $secret_key .admin
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
max_manifest_segments = 10000
[filter:proxy-logging]
use = egg:swift#proxy_logging
CONF
done

spawn() { # spawn KIND CONFIGURATION
  PYTHONPATH='' setsid $python launch.py "$1" "$data/etc/$2" </dev/null >"$data/log/$2.out" 2>&1 &
  echo "$! $2" >>"$data/pids"
}
spawn account account-server.conf
spawn container container-server.conf
spawn object object-server.conf
spawn proxy proxy-http.conf
spawn proxy proxy-https.conf
for url in "http://127.0.0.1:$http" "https://127.0.0.1:$https" "http://127.0.0.1:$object" "http://127.0.0.1:$container" "http://127.0.0.1:$account"; do
  left=300
  until curl -sk -m 2 -o /dev/null "$url/healthcheck"; do
    left=$((left - 1))
    if [ "$left" = 0 ]; then
      echo "swift: $url does not answer" >&2
      tail -n 12 "$data"/log/*.out >&2
      bash "$here/stop.sh" "$data"
      exit 1
    fi
    sleep .1
  done
done
cat >"$data/env" <<ENV
S3_ENDPOINT=http://127.0.0.1:$http
S3_ENDPOINT_TLS=https://$dns_name:$https
S3_CA=$data/ca.crt
S3_REGION=us-east-1
AWS_ACCESS_KEY_ID=tsnap:admin
AWS_SECRET_ACCESS_KEY=$secret_key
ENV
