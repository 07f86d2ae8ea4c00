// What every program in this folder needs: cases by name, calls that must throw, a folder for each case.
#pragma once

#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "check.h"

namespace tsnap::test {

// Evaluates the expression and checks that it throws this class, with this part in its text; the exception is `caught`.
#define CHECK_THROWS(expression, Class, part)                                                              \
  do {                                                                                                     \
    bool check_thrown = false;                                                                             \
    try {                                                                                                  \
      (void)(expression);                                                                                  \
    } catch (const Class& caught) {                                                                        \
      check_thrown = true;                                                                                 \
      CHECK_TEXT(::tsnap::test::Contains(caught.what(), (part)), std::string("it says: ") + caught.what()); \
    }                                                                                                      \
    CHECK_TEXT(check_thrown, "it did not throw " #Class);                                                  \
  } while (false)

struct Case {
  const char* name;
  void (*run)();
};

// The case that the first argument names; what it throws is a failure.
inline int RunCase(int argc, char** argv, const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    if (argc != 2 || std::strcmp(argv[1], one.name) != 0) continue;
    Where() = one.name;
    try {
      one.run();
    } catch (const std::exception& error) {
      FailCheck(one.name, 0, "it threw", error.what());
    }
    std::printf("%s: good\n", one.name);
    return 0;
  }
  std::fprintf(stderr, "no such case; there are:\n");
  for (const Case& one : cases) std::fprintf(stderr, "  %s\n", one.name);
  return 2;
}

}  // namespace tsnap::test
