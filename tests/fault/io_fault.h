// Faults of system calls, armed while the program runs; preload.c, linked in or preloaded, does them. A program without it fails
// here, so that no test passes because nothing was injected.
#pragma once

#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace tsnap::test {

class IoFault {
 public:
  // Only in folders of these tests, unless the spec names a path: MPI and the test itself go on undisturbed.
  static void Arm(std::string spec) {
    if (spec.find("path=") == std::string::npos) spec += ",path=tsnap-fault";
    Function<void(const char*)>("tsnap_fault_arm")(spec.c_str());
  }
  // Matching calls since the arming.
  static int64_t Seen() { return Function<long()>("tsnap_fault_seen")(); }
  static int64_t Disarm() {
    Function<void()>("tsnap_fault_disarm")();
    return Seen();
  }

  static std::string Spec(const std::string& call, int64_t n, const std::string& error) { return Nth(call, n) + ",errno=" + error; }
  static std::string Forever(const std::string& call, int64_t n, const std::string& error) { return Spec(call, n, error) + ",count=all"; }
  static std::string Short(const std::string& call, int64_t n) { return Nth(call, n) + ",short=1"; }

 private:
  static std::string Nth(const std::string& call, int64_t n) { return "op=" + call + ",n=" + std::to_string(n); }

  template <class Type>
  static Type* Function(const char* name) {
    void* const found = dlsym(RTLD_DEFAULT, name);
    if (found == nullptr) {
      std::fprintf(stderr, "io_fault.h: %s is not there: link preload.c (with export_dynamic) or preload it\n", name);
      std::abort();
    }
    Type* function = nullptr;
    std::memcpy(&function, &found, sizeof function);
    return function;
  }
};

}  // namespace tsnap::test
