// Freer: lets a unique_ptr give a C library's thing back: unique_ptr<CURL,
// Freer<curl_easy_cleanup>>.
#pragma once

namespace tsnap::http {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* it) const {
    Free(it);
  }
};

}  // namespace tsnap::http
