// Transfer: one request on its way: the libcurl handle that carries it, and what has arrived so
// far. The caller makes it and reads it when it has ended; between the two the client's thread has
// it alone. Knows nothing of other transfers.
#pragma once

#include <curl/curl.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "store/http/client.h"
#include "store/http/freer.h"
#include "store/http/message.h"
#include "store/http/surroundings.h"

namespace tsnap::http {

using EasyHandle = std::unique_ptr<CURL, Freer<curl_easy_cleanup>>;
using HeaderList = std::unique_ptr<curl_slist, Freer<curl_slist_free_all>>;

// What all transfers of a client count together; its thread writes, anyone reads.
class Progress {
 public:
  Progress() { Touch(); }
  void Touch();
  void Move(uint64_t bytes);
  // Without saying that anything gets on.
  void Count(uint64_t bytes);
  uint64_t moved_bytes() const { return moved_bytes_.load(std::memory_order_relaxed); }
  double idle_seconds() const;

 private:
  std::atomic<uint64_t> moved_bytes_{0};
  std::atomic<int64_t> touched_nanoseconds_{0};  // of the steady clock
};

class Transfer {
 public:
  // All are borrowed but the handle.
  Transfer(const Request& request, const ClientOptions& options, const Surroundings& surroundings,
           Progress* progress, EasyHandle easy);

  // The caller's, before: fails for a request that cannot be sent.
  Status Prepare();

  // The client's thread's: nothing here may throw.
  CURL* easy() const { return easy_.get(); }
  // So much time has passed; true when nothing has moved for too long.
  bool HasStalled(double passed_seconds) noexcept;
  void End(CURLcode code, bool stalled) noexcept;

  // The caller's, after.
  Result<Response> TakeResponse();
  bool has_answer() const { return answered_; }
  EasyHandle TakeHandle() { return std::move(easy_); }

  struct Batch;
  Batch* batch = nullptr;    // whom the client's thread tells of the end
  Transfer* next = nullptr;  // in the queue of those that wait for a connection

 private:
  // Why the rest of an answer is not read.
  enum class Refusal { kNone, kNoMemory, kTooLong, kTooManyHeaders, kBadLength, kErrorIsCut };

  static size_t OnRead(char* out, size_t size, size_t count, void* self) noexcept;
  static int OnSeek(void* self, curl_off_t offset, int origin) noexcept;
  static size_t OnHeader(char* text, size_t size, size_t count, void* self) noexcept;
  static size_t OnBody(char* bytes, size_t size, size_t count, void* self) noexcept;
  static int OnProgress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t up) noexcept;

  CURLcode SetUp(const std::string& url, bool has_body);
  CURLcode SetUpConnection();
  CURLcode SetUpTrust();
  CURLcode SetUpHeaders();

  size_t Read(char* out, size_t most);
  bool Seek(uint64_t offset);
  bool TakeHeader(std::string_view line);
  bool TakeBody(ConstByteSpan bytes);
  bool Refuse(Refusal why);
  bool HasConnected();
  bool SendQueueMoved();
  bool SendingIsProgress() const;
  Status Failure() const;

  const Request& request_;
  const ClientOptions& options_;
  const Surroundings& surroundings_;
  Progress* const progress_;
  HeaderList headers_;
  char error_text_[CURL_ERROR_SIZE] = "";
  EasyHandle easy_;  // borrows these

  const uint64_t body_bytes_;
  size_t part_ = 0, part_offset_ = 0;  // of the body: what is sent next
  uint64_t sent_bytes_ = 0;

  Response response_;
  uint64_t header_bytes_ = 0, received_bytes_ = 0;
  Refusal refusal_ = Refusal::kNone;

  bool connected_ = false;
  double connecting_seconds_ = 0, idle_seconds_ = 0, connected_seconds_ = 0;
  int send_queue_bytes_ = -1;  // what the kernel had still to send when it was last asked

  CURLcode code_ = CURLE_OK;
  bool stalled_ = false, answered_ = false;
};

}  // namespace tsnap::http
