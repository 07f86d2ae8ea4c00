// Status: codes, errno, context.
#include <criterion/criterion.h>

#include <cerrno>
#include <string>

#include "base/protect.h"
#include "base/status.h"

using namespace tsnap;

Test(status, every_code_has_its_public_name) {
  cr_assert_str_eq(CodeName(0), "TSNAP_OK");
  cr_assert_str_eq(CodeName(-5), "TSNAP_E_IO");
  cr_assert_str_eq(CodeName(-17), "TSNAP_E_BUSY");
  cr_assert_str_eq(CodeName(-99), "TSNAP_E_INTERNAL");
  cr_assert_str_eq(CodeName(-50), "TSNAP_E_UNKNOWN");
  for (int32_t code = -17; code <= 0; ++code) cr_assert_str_neq(CodeName(code), "TSNAP_E_UNKNOWN");
}

Test(status, errno_becomes_code_action_and_cause) {
  cr_assert(Status::FromErrno(ENOSPC, "w").code() == Code::kNoSpace);
  cr_assert(Status::FromErrno(EDQUOT, "w").code() == Code::kNoSpace);
  cr_assert(Status::FromErrno(EFBIG, "w").code() == Code::kNoSpace);
  cr_assert(Status::FromErrno(ENOENT, "w").code() == Code::kNotFound);
  cr_assert(Status::FromErrno(EEXIST, "w").code() == Code::kExists);
  cr_assert(Status::FromErrno(ENOMEM, "w").code() == Code::kNoMemory);
  cr_assert(Status::FromErrno(EACCES, "w").code() == Code::kAuth);
  cr_assert(Status::FromErrno(EROFS, "w").code() == Code::kAuth);
  const Status status = Status::FromErrno(EIO, "writing slab 3");
  cr_assert(status.code() == Code::kIo);
  cr_assert(status.message() == "writing slab 3: Input/output error");
}

Test(status, while_adds_what_was_being_done_to_failures_only) {
  cr_assert(Status::Ok().While("staging", "a").ok());
  cr_assert(IoError("x").While("staging", "a/b").message() == "while staging a/b: x");
  cr_assert(IoError("x").While("syncing").message() == "while syncing: x");
  cr_assert(IoError("x").ToString() == "TSNAP_E_IO: x");
}

Test(status, protect_turns_exceptions_into_a_status) {
  cr_assert(Protect([]() -> Status { throw std::bad_alloc(); }).code() == Code::kNoMemory);
  cr_assert(Protect([]() -> Status { throw std::string("odd"); }).ok() == false);
  cr_assert(Protect([] { return Status::Ok(); }).ok());
}
