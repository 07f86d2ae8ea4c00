#!/bin/bash
# A proxy on the loopback interface that spoils what passes between a client and a server: nginx with Lua. Installs nothing; runs
# in the foreground until it gets SIGTERM, which breaks all its connections: a server that is killed.
#
#   start.sh DATA PORT CONTROL_PORT UPSTREAM_HOST:PORT
#
# Faults are armed while it runs, one at a time:
#   curl 'http://127.0.0.1:CONTROL_PORT/set?mode=503&n=3&match=partNumber&method=PUT'
#   500 503 429 403   an error of S3; retry_after=SECONDS adds the header
#   reset             the connection is reset before any reply
#   hang              the request is read and never answered
#   delay             forwarded after ms=MILLISECONDS
#   slow              the reply's body at rate=BYTES a second
#   trunc, midreset   the reply ends after bytes=N of its body, by a close or by a reset
#   corrupt           one byte of the reply, at bytes=N, is another one
#   corruptput        one byte of the request, at bytes=N
#   drop              the server does what is asked, and no answer comes: the lost 200
#   late              the same after ms=MILLISECONDS, also when the client is gone by then
#   200err            200 with an error as its body, as the completion of an upload fails late; nothing is forwarded
# n=COUNT requests, p=PERCENT of them, after skip=COUNT; match=TEXT in the URL, method=NAME.
#   /clear disarms; /hits says how many requests the fault armed last has met; /log shows one line a request:
#   method URI status fault request-bytes reply-bytes; /forget empties the log.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
data=$(realpath -m "${1:?the folder}") port=${2:?the port} control=${3:?the port of the controls} upstream=${4:?host:port of the server}
modules=/usr/lib/nginx/modules
mkdir -p "$data/tmp"
cp "$here/fault.lua" "$data/fault.lua"
user=
if [ "$(id -u)" = 0 ]; then user="user root;"; fi
resty_core=
if [ ! -e /usr/share/lua/5.1/resty/core.lua ]; then resty_core="lua_load_resty_core off;"; fi
cat >"$data/nginx.conf" <<CONF
load_module $modules/ndk_http_module.so;
load_module $modules/ngx_http_lua_module.so;
$user
worker_processes 1;
daemon off;
pid $data/nginx.pid;
error_log $data/error.log warn;
events { worker_connections 1024; }
http {
  lua_package_path "$data/?.lua;/usr/share/lua/5.1/?.lua;;";
  lua_shared_dict fault 1m;
  $resty_core
  init_by_lua_block { F = require 'fault' }
  log_format f '\$request_method \$request_uri \$status \$fault \$request_length \$body_bytes_sent';
  access_log $data/access.log f;
  client_body_temp_path $data/tmp/b;
  proxy_temp_path $data/tmp/p;
  fastcgi_temp_path $data/tmp/f;
  uwsgi_temp_path $data/tmp/u;
  scgi_temp_path $data/tmp/s;
  client_max_body_size 0;
  client_body_buffer_size 1m;
  keepalive_timeout 60;
  keepalive_requests 100000;
  proxy_read_timeout 300;
  reset_timedout_connection on;
  lingering_close off;
  tcp_nodelay on;
  upstream store { server $upstream; keepalive 32; }
  server {
    listen 127.0.0.1:$port;
    set \$fault -;
    proxy_http_version 1.1;
    proxy_set_header Host \$http_host;
    proxy_set_header Connection "";
    proxy_buffering off;
    proxy_next_upstream off;
    location / {
      access_by_lua_block { F.access() }
      header_filter_by_lua_block { F.header() }
      proxy_request_buffering off;
      proxy_pass http://store;
    }
    location = /__fault_up {
      internal;
      proxy_pass http://store\$request_uri;
    }
  }
  server {
    listen 127.0.0.1:$control;
    access_log off;
    default_type text/plain;
    location = /set { content_by_lua_block { F.set() } }
    location = /clear { content_by_lua_block { F.clear() } }
    location = /hits { content_by_lua_block { F.hits() } }
    location = /log { alias $data/access.log; }
    location = /forget { content_by_lua_block { F.forget('$data/access.log') } }
  }
}
CONF
exec nginx -e "$data/error.log" -c "$data/nginx.conf" -p "$data"
