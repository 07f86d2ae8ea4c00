// A death at any system call on the storage.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <functional>
#include <string>

#include "check.h"
#include "io_fault.h"

namespace tsnap::test {

// Runs it in a child that is killed at its nth system call on the storage; false when it needed fewer.
inline bool DiesAt(int n, const std::function<void()>& action) {
  std::fflush(nullptr);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    IoFault::Arm("op=any,n=" + std::to_string(n) + ",kill=1");
    action();
    _exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  CHECK_TEXT(killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0), "the child failed");
  return killed;
}

}  // namespace tsnap::test
