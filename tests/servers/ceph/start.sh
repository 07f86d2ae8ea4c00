#!/bin/bash
# Ceph RADOS Gateway (S3) of one node on the loopback interface: a monitor, one OSD and radosgw. Installs nothing, starts nothing
# through init; who called stop.sh on the same folder has ended all of it.
#
#   start.sh DATA HTTP_PORT HTTPS_PORT MON_PORT      (MON_PORT + 1 is used too; the OSD takes free ports itself)
#
# STORE=memstore keeps everything in memory and begins empty; STORE=bluestore is a file of SIZE_GB below DATA. A store that is full
# hangs rather than fails. What clients need is written to DATA/env.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
data=$(realpath -m "${1:?the folder}") http=${2:?the HTTP port} https=${3:?the HTTPS port} mon=${4:?the port of the monitor}
store=${STORE:-memstore} size_gb=${SIZE_GB:-6} dns_name=s3.localhost
access_key=TSNAPTESTKEY0000001 secret_key=tsnapTestSecret/000000000000000000000000001

conf=$data/ceph.conf
export CEPH_CONF=$conf CEPH_ARGS=
mkdir -p "$data"/{run,log,mon,osd,rgw}
: >"$data/pids"
fsid=$(cat /proc/sys/kernel/random/uuid)
bash "$here/../certificates.sh" "$data" "$dns_name"

# One replica, no authentication between the parts, and no wish for free space on the disk: what is below is lost with the test.
cat >"$conf" <<CONF
[global]
fsid = $fsid
mon host = [v2:127.0.0.1:$mon,v1:127.0.0.1:$((mon + 1))]
auth cluster required = none
auth service required = none
auth client required = none
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
ms mon client mode = crc
ms mon service mode = crc
ms mon cluster mode = crc
ms cluster mode = crc
ms service mode = crc
ms client mode = crc
run dir = $data/run
admin socket =
log file = $data/log/\$name.log
keyring = $data/keyring
crash dir = $data/log
mon data = $data/mon
osd data = $data/osd
mgr initial modules =
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
mon data avail warn = 1
osd objectstore = $store
bluestore block size = $((size_gb * 1024 * 1024 * 1024))
memstore device bytes = $((size_gb * 1024 * 1024 * 1024))
osd memory target = 1073741824
bluestore fsck on mount = false
paxos propose interval = 0.05
paxos min wait = 0.01
mon tick interval = 1
osd map share max epochs = 100
debug ms = 0
[client.rgw.tsnap]
rgw data = $data/rgw
rgw frontends = beast endpoint=127.0.0.1:$http ssl_endpoint=127.0.0.1:$https ssl_certificate=$data/tls.crt ssl_private_key=$data/tls.key
rgw dns name = $dns_name
rgw enable usage log = false
rgw enable ops log = false
rgw thread pool size = 64
rgw gc obj min wait = 2
rgw gc processor period = 2
rgw gc processor max time = 2
rgw gc max concurrent io = 32
CONF

die() {
  echo "ceph: $1" >&2
  tail -n 15 "$data"/log/*.out >&2 || true
  bash "$here/stop.sh" "$data" || true
  exit 1
}

# spawn NAME COMMAND...: in a session of its own, so that a signal to the test's terminal does not reach it half-way.
spawn() {
  local name=$1
  shift
  setsid "$@" </dev/null >"$data/log/$name.out" 2>&1 &
  echo "$! $name" >>"$data/pids"
}

# until_true TENTHS WHAT COMMAND...
until_true() {
  local left=$1 what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || die "$what"
    sleep .1
  done
}

: >"$data/keyring"
monmaptool --create --clobber --fsid "$fsid" --addv a "[v2:127.0.0.1:$mon,v1:127.0.0.1:$((mon + 1))]" "$data/monmap" >/dev/null
ceph-mon -c "$conf" --mkfs -i a --monmap "$data/monmap" >"$data/log/mon-mkfs.out" 2>&1 || die "the monitor's store cannot be made"
spawn mon ceph-mon -c "$conf" -i a -f
until_true 100 "the monitor does not answer" timeout 5 ceph -c "$conf" --connect-timeout 2 mon stat

osd_uuid=$(cat /proc/sys/kernel/random/uuid)
ceph -c "$conf" osd new "$osd_uuid" >/dev/null
ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$osd_uuid" >"$data/log/osd-mkfs.out" 2>&1 || die "the OSD's store cannot be made"
spawn osd ceph-osd -c "$conf" -i 0 -f
osd_is_up() { ceph -c "$conf" osd stat -f json 2>/dev/null | grep -q '"num_up_osds":1'; }
until_true 300 "the OSD does not come up" osd_is_up

spawn rgw radosgw -c "$conf" -n client.rgw.tsnap -f
until_true 300 "radosgw does not answer" curl -s -m 2 -o /dev/null "http://127.0.0.1:$http/"
admin=(radosgw-admin -c "$conf" -n client.rgw.tsnap user)
"${admin[@]}" create --uid=tsnap --display-name=tsnap --access-key="$access_key" --secret-key="$secret_key" \
  >"$data/user.json" 2>"$data/log/user.out" || die "the user cannot be made"
"${admin[@]}" modify --uid=tsnap --max-buckets=0 >/dev/null 2>&1 || die "the user's number of buckets stays limited"

cat >"$data/env" <<ENV
S3_ENDPOINT=http://127.0.0.1:$http
S3_ENDPOINT_TLS=https://$dns_name:$https
S3_CA=$data/ca.crt
S3_REGION=us-east-1
AWS_ACCESS_KEY_ID=$access_key
AWS_SECRET_ACCESS_KEY=$secret_key
ENV
