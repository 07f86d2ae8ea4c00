// Why a transfer has failed, in the words of the library: which code it is, what happened, what the
// user can do. What libcurl says goes into a text only where it cannot hold a secret.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace tsnap::http {

struct CurlFailure {
  std::string_view name;  // of the request
  CURLcode code = CURLE_OK;
  std::string_view text;  // libcurl's
  int os_error = 0;
  int proxy_status = 0;  // of the answer to CONNECT; 0: there was none
  double connect_seconds = 0;
  uint64_t received_bytes = 0;
};

Status StatusOf(const CurlFailure& failure);

}  // namespace tsnap::http
