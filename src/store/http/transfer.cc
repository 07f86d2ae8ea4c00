#include "store/http/transfer.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>

#include "store/http/failure.h"
#include "store/http/request_check.h"
#include "store/http/retry.h"

namespace tsnap::http {

namespace {

constexpr double kMostStalls = 10;  // how many times the longest silence a transfer lasts
constexpr double kLeastBytesPerSecond = 1024;  // beyond that

// What one call to the kernel moves at most. Larger buffers leave the processor's cache, and each
// running transfer has its own.
constexpr uint64_t kBufferBytes = uint64_t{256} << 10;
constexpr uint64_t kLeastUploadBufferBytes = uint64_t{16} << 10;  // libcurl's own lower bound
constexpr uint64_t kMostHeaderBytes = uint64_t{256} << 10;
// The text of an error is worth reading even to whoever asked for two bytes.
constexpr uint64_t kLeastErrorBytes = uint64_t{64} << 10;

int64_t SteadyNanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Transfer* Self(void* self) { return static_cast<Transfer*>(self); }

bool IsSuccess(int status) { return status >= 200 && status <= 299; }

std::string_view WithoutSpaceAround(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// Sets options of one handle until one fails.
class Setter {
 public:
  explicit Setter(CURL* easy) : easy_(easy) {}
  template <class T>
  Setter& Set(CURLoption option, T value) {
    if (code_ == CURLE_OK) code_ = curl_easy_setopt(easy_, option, value);
    return *this;
  }
  CURLcode code() const { return code_; }

 private:
  CURL* const easy_;
  CURLcode code_ = CURLE_OK;
};

template <class T>
T Get(CURL* easy, CURLINFO info, T otherwise) {
  T value = otherwise;
  return curl_easy_getinfo(easy, info, &value) == CURLE_OK ? value : otherwise;
}

int StatusOf(CURL* easy) { return static_cast<int>(Get<long>(easy, CURLINFO_RESPONSE_CODE, 0)); }

}  // namespace

void Progress::Touch() {
  touched_nanoseconds_.store(SteadyNanoseconds(), std::memory_order_relaxed);
}

void Progress::Count(uint64_t bytes) { moved_bytes_.fetch_add(bytes, std::memory_order_relaxed); }

void Progress::Move(uint64_t bytes) {
  Count(bytes);
  Touch();
}

double Progress::idle_seconds() const {
  const int64_t touched = touched_nanoseconds_.load(std::memory_order_relaxed);
  return static_cast<double>(SteadyNanoseconds() - touched) * 1e-9;
}

Transfer::Transfer(const Request& request, const ClientOptions& options,
                   const Surroundings& surroundings, Progress* progress, EasyHandle easy)
    : request_(request),
      options_(options),
      surroundings_(surroundings),
      progress_(progress),
      easy_(std::move(easy)),
      body_bytes_(BodyBytes(request)) {}

Status Transfer::Prepare() {
  TSNAP_TRY(CheckRequest(request_));
  const std::string url = UrlOf(request_);
  const bool has_body = body_bytes_ > 0 || request_.method == "PUT" || request_.method == "POST" ||
                        request_.method == "PATCH";
  CURLcode code = SetUp(url, has_body);
  if (code == CURLE_OK) code = SetUpConnection();
  if (code == CURLE_OK) code = SetUpTrust();
  if (code == CURLE_OK) code = SetUpHeaders();
  if (code == CURLE_OK) return Status::Ok();
  if (code == CURLE_OUT_OF_MEMORY) return Status::NoMemory();
  return http::StatusOf({.name = NameOf(request_), .code = code});
}

CURLcode Transfer::SetUp(const std::string& url, bool has_body) {
  Setter options(easy_.get());
  options.Set(CURLOPT_URL, url.c_str())
      .Set(CURLOPT_PRIVATE, this)
      .Set(CURLOPT_ERRORBUFFER, error_text_)
      .Set(CURLOPT_PATH_AS_IS, 1L)  // a signature is of the path as it is
      .Set(CURLOPT_FOLLOWLOCATION, 0L)
      .Set(CURLOPT_USERAGENT, "tsnap/" TSNAP_VERSION_TEXT)
      // Over HTTP/2 all transfers would share one connection, its one congestion window and its
      // flow control; bulk data moves faster over many.
      .Set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1})
      .Set(CURLOPT_HTTP09_ALLOWED, 0L)
      .Set(CURLOPT_BUFFERSIZE, static_cast<long>(kBufferBytes))
      .Set(CURLOPT_HEADERFUNCTION, &Transfer::OnHeader)
      .Set(CURLOPT_HEADERDATA, this)
      .Set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L)
      .Set(CURLOPT_WRITEFUNCTION, &Transfer::OnBody)
      .Set(CURLOPT_WRITEDATA, this)
      .Set(CURLOPT_NOPROGRESS, 0L)
      .Set(CURLOPT_XFERINFOFUNCTION, &Transfer::OnProgress)
      .Set(CURLOPT_XFERINFODATA, this);
#if LIBCURL_VERSION_NUM >= 0x075500
  options.Set(CURLOPT_PROTOCOLS_STR, "http,https");
#else
  options.Set(CURLOPT_PROTOCOLS, long{CURLPROTO_HTTP | CURLPROTO_HTTPS});
#endif
  if (has_body) {
    const uint64_t buffer_bytes = std::clamp(body_bytes_, kLeastUploadBufferBytes, kBufferBytes);
    options.Set(CURLOPT_UPLOAD, 1L)
        .Set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(body_bytes_))
        .Set(CURLOPT_UPLOAD_BUFFERSIZE, static_cast<long>(buffer_bytes))
        .Set(CURLOPT_READFUNCTION, &Transfer::OnRead)
        .Set(CURLOPT_READDATA, this)
        .Set(CURLOPT_SEEKFUNCTION, &Transfer::OnSeek)
        .Set(CURLOPT_SEEKDATA, this);
  }
  if (request_.method == "HEAD") {
    options.Set(CURLOPT_NOBODY, 1L);
  } else {
    options.Set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
  return options.code();
}

CURLcode Transfer::SetUpConnection() {
  const double connect_ms = std::clamp(std::ceil(options_.connect_seconds * 1000), 1.0, 1e9);
  const bool tls = request_.scheme == "https";
  Setter options(easy_.get());
  options.Set(CURLOPT_NOSIGNAL, 1L)
      .Set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(connect_ms))
      .Set(CURLOPT_FRESH_CONNECT, request_.once ? 1L : 0L)
      .Set(CURLOPT_TCP_KEEPALIVE, 1L)  // firewalls forget connections on which nothing is said
      .Set(CURLOPT_TCP_KEEPIDLE, 30L)
      .Set(CURLOPT_TCP_KEEPINTVL, 15L)
      // Empty texts too: libcurl would look into the environment.
      .Set(CURLOPT_PROXY, (tls ? surroundings_.https_proxy : surroundings_.http_proxy).c_str())
      .Set(CURLOPT_NOPROXY, surroundings_.no_proxy.c_str());
#if LIBCURL_VERSION_NUM >= 0x075700
  // A look-up of a name that hangs would hang the thread that gives it up, and with it all others.
  // A library older than its headers does not know the option, and works without.
  static_cast<void>(curl_easy_setopt(easy_.get(), CURLOPT_QUICK_EXIT, 1L));
#endif
  return options.code();
}

CURLcode Transfer::SetUpTrust() {
  const std::string& file = surroundings_.ca_file;
  const std::string& folder = surroundings_.ca_folder;
  Setter options(easy_.get());
  options.Set(CURLOPT_SSL_VERIFYPEER, 1L).Set(CURLOPT_SSL_VERIFYHOST, 2L);
  if (!file.empty())
    options.Set(CURLOPT_CAINFO, file.c_str()).Set(CURLOPT_PROXY_CAINFO, file.c_str());
  // The folder that libcurl was built with would be trusted beside a file that is to take its
  // place. And only without a folder does libcurl keep the parsed file between connections.
  const char* const path = folder.empty() ? nullptr : folder.c_str();
  if (!file.empty() || !folder.empty())
    options.Set(CURLOPT_CAPATH, path).Set(CURLOPT_PROXY_CAPATH, path);
  return options.code();
}

CURLcode Transfer::SetUpHeaders() {
  const auto add = [this](const std::string& line) {
    curl_slist* longer = curl_slist_append(headers_.get(), line.c_str());
    if (longer == nullptr) return false;
    static_cast<void>(headers_.release());
    headers_.reset(longer);
    return true;
  };
  // As it was signed; libcurl would leave out a port that goes without saying. Nobody waits for
  // "100 Continue": a second of silence costs more than a body that is sent in vain.
  if (!add("Host: " + request_.authority) || !add("Expect:")) return CURLE_OUT_OF_MEMORY;
  for (const Header& header : request_.headers) {
    // A name with a semicolon is how libcurl is told of an empty value.
    if (!add(header.value.empty() ? header.name + ";" : header.name + ": " + header.value))
      return CURLE_OUT_OF_MEMORY;
  }
  return Setter(easy_.get()).Set(CURLOPT_HTTPHEADER, headers_.get()).code();
}

size_t Transfer::OnRead(char* out, size_t size, size_t count, void* self) noexcept {
  return Self(self)->Read(out, size * count);
}

int Transfer::OnSeek(void* self, curl_off_t offset, int origin) noexcept {
  const bool sought =
      origin == SEEK_SET && offset >= 0 && Self(self)->Seek(static_cast<uint64_t>(offset));
  return sought ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

size_t Transfer::OnHeader(char* text, size_t size, size_t count, void* self) noexcept {
  Transfer* const transfer = Self(self);
  try {
    return transfer->TakeHeader({text, size * count}) ? size * count : 0;
  } catch (...) {
    transfer->Refuse(Refusal::kNoMemory);
    return 0;
  }
}

size_t Transfer::OnBody(char* bytes, size_t size, size_t count, void* self) noexcept {
  Transfer* const transfer = Self(self);
  try {
    return transfer->TakeBody(AsBytes({bytes, size * count})) ? size * count : 0;
  } catch (...) {
    transfer->Refuse(Refusal::kNoMemory);
    return 0;
  }
}

// Counts what has been sent: that libcurl has read the body says nothing yet.
int Transfer::OnProgress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t up) noexcept {
  Transfer* const transfer = Self(self);
  const uint64_t sent = static_cast<uint64_t>(std::max<curl_off_t>(0, up));
  if (sent > transfer->sent_bytes_) {
    transfer->idle_seconds_ = 0;
    transfer->progress_->Count(sent - transfer->sent_bytes_);
    if (transfer->SendingIsProgress()) transfer->progress_->Touch();
  }
  transfer->sent_bytes_ = sent;  // less than before when it is sent again on another connection
  return 0;
}

size_t Transfer::Read(char* out, size_t most) {
  size_t read = 0;
  while (read < most && part_ < request_.body.size()) {
    const ConstByteSpan rest = request_.body[part_].subspan(part_offset_);
    const size_t step = std::min(rest.size(), most - read);
    if (step > 0) std::memcpy(out + read, rest.data(), step);
    read += step;
    part_offset_ += step;
    if (step < rest.size()) break;
    ++part_;
    part_offset_ = 0;
  }
  return read;
}

bool Transfer::Seek(uint64_t offset) {
  response_.sent_again = true;  // only for that does libcurl go back
  part_ = 0;
  part_offset_ = 0;
  if (offset > body_bytes_) return false;
  while (part_ < request_.body.size() && offset >= request_.body[part_].size()) {
    offset -= request_.body[part_].size();
    ++part_;
  }
  part_offset_ = static_cast<size_t>(offset);
  return true;
}

bool Transfer::Refuse(Refusal why) {
  refusal_ = why;
  return false;
}

bool Transfer::TakeHeader(std::string_view line) {
  idle_seconds_ = 0;
  // Interim answers count as well: a host could send them for ever.
  header_bytes_ += line.size();
  if (header_bytes_ > kMostHeaderBytes) return Refuse(Refusal::kTooManyHeaders);
  if (line.starts_with("HTTP/")) {
    response_.headers.clear();
    return true;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return true;
  Header header{std::string(WithoutSpaceAround(line.substr(0, colon))),
                std::string(WithoutSpaceAround(line.substr(colon + 1)))};
  for (char& c : header.name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  // What is no number, libcurl takes for "until the connection is closed", and then no cut shows.
  if (header.name == "content-length" &&
      (header.value.empty() || header.value.size() > 18 ||
       header.value.find_first_not_of("0123456789") != std::string::npos))
    return Refuse(Refusal::kBadLength);
  response_.headers.push_back(std::move(header));
  return true;
}

bool Transfer::TakeBody(ConstByteSpan bytes) {
  idle_seconds_ = 0;
  const bool success = IsSuccess(StatusOf(easy_.get()));
  const bool first = received_bytes_ == 0;
  received_bytes_ += bytes.size();
  // The text of a refusal is no progress of what was asked for.
  if (success) progress_->Move(bytes.size());

  const bool direct = success && !request_.into.empty();
  const uint64_t most = direct    ? request_.into.size()
                        : success ? request_.most_body_bytes
                                  : std::max(request_.most_body_bytes, kLeastErrorBytes);
  const auto announced = Get<curl_off_t>(easy_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, -1);
  if (success && first && announced > 0 && static_cast<uint64_t>(announced) > most)
    return Refuse(Refusal::kTooLong);
  if (direct) {
    if (bytes.size() > most - response_.into_bytes) return Refuse(Refusal::kTooLong);
    std::memcpy(request_.into.data() + response_.into_bytes, bytes.data(), bytes.size());
    response_.into_bytes += bytes.size();
    return true;
  }
  if (first && announced > 0)
    response_.body.reserve(std::min(static_cast<uint64_t>(announced), most));
  const uint64_t room = most - response_.body.size();
  if (bytes.size() > room && success) return Refuse(Refusal::kTooLong);
  const ConstByteSpan kept = bytes.first(std::min<uint64_t>(bytes.size(), room));
  response_.body.insert(response_.body.end(), kept.begin(), kept.end());
  return kept.size() == bytes.size() || Refuse(Refusal::kErrorIsCut);
}

// To look up a name, to connect and to agree on TLS has a limit of its own, which libcurl watches.
bool Transfer::HasConnected() {
  if (connected_) return true;
  connected_ = Get<curl_off_t>(easy_.get(), CURLINFO_PRETRANSFER_TIME_T, 0) > 0 ||
               connecting_seconds_ > options_.connect_seconds;
  return connected_;
}

// A large body is in the kernel's hands long before it has crossed a slow network.
bool Transfer::SendQueueMoved() {
  const auto socket = Get<curl_socket_t>(easy_.get(), CURLINFO_ACTIVESOCKET, CURL_SOCKET_BAD);
  int bytes = 0;
  if (socket == CURL_SOCKET_BAD || ::ioctl(socket, SIOCOUTQ, &bytes) != 0) return false;
  const int before = std::exchange(send_queue_bytes_, bytes);
  return bytes < before;
}

// Whoever refuses every request, or never answers, takes their bodies first: only one that is sent
// for longer than a host may be silent gets on by that. What is sent sooner is told by its answer.
bool Transfer::SendingIsProgress() const { return connected_seconds_ > options_.stall_seconds; }

bool Transfer::HasStalled(double passed_seconds) noexcept {
  if (!HasConnected()) {
    connecting_seconds_ += passed_seconds;
    return false;
  }
  idle_seconds_ += passed_seconds;
  connected_seconds_ += passed_seconds;
  if (SendQueueMoved()) {
    idle_seconds_ = 0;
    if (SendingIsProgress()) progress_->Touch();
  }
  const double most_idle_seconds = std::max(options_.stall_seconds, request_.patience_seconds);
  // In all: a host that sends a byte now and then would be listened to for ever.
  const double moved = static_cast<double>(sent_bytes_ + received_bytes_);
  const double most_seconds = kMostStalls * most_idle_seconds + moved / kLeastBytesPerSecond;
  return idle_seconds_ > most_idle_seconds || connected_seconds_ > most_seconds;
}

void Transfer::End(CURLcode code, bool stalled) noexcept {
  code_ = code;
  stalled_ = stalled;
  response_.status = StatusOf(easy_.get());
  if (stalled || (code != CURLE_OK && refusal_ != Refusal::kErrorIsCut)) return;
  answered_ = response_.status >= 200;
  if (answered_ && !IsWorthRetrying(response_.status)) progress_->Touch();
}

Result<Response> Transfer::TakeResponse() {
  if (answered_) return std::move(response_);
  return Failure();
}

Status Transfer::Failure() const {
  const std::string name = NameOf(request_);
  if (stalled_)
    return Timeout(fmt::format(
        "{}: nothing has moved for {:g} s ({} of {} bytes sent, {} received); check the network "
        "and the host, or allow more time (TSNAP_IO_TIMEOUT_SECONDS)",
        name, options_.stall_seconds, sent_bytes_, body_bytes_, received_bytes_));
  switch (refusal_) {
    case Refusal::kNoMemory:
      return Status::NoMemory();
    case Refusal::kTooLong:
      return Corrupt(fmt::format(
          "{}: the answer is longer than the {} bytes that were asked for; check the endpoint, or "
          "whether a proxy changes what it passes on",
          name, request_.into.empty() ? request_.most_body_bytes : request_.into.size()));
    case Refusal::kTooManyHeaders:
      return {Code::kNetwork,
              fmt::format("{}: the answer has more than {} bytes of headers; check the endpoint",
                          name, kMostHeaderBytes)};
    case Refusal::kBadLength:
      return {
          Code::kNetwork,
          fmt::format("{}: the answer has a length that is no number; check the endpoint", name)};
    case Refusal::kNone:
    case Refusal::kErrorIsCut:
      break;
  }
  return http::StatusOf(
      {.name = name,
       .code = code_ == CURLE_OK ? CURLE_WEIRD_SERVER_REPLY : code_,
       .text = error_text_,
       .os_error = static_cast<int>(Get<long>(easy_.get(), CURLINFO_OS_ERRNO, 0)),
       .proxy_status = static_cast<int>(Get<long>(easy_.get(), CURLINFO_HTTP_CONNECTCODE, 0)),
       .connect_seconds = options_.connect_seconds,
       .received_bytes = received_bytes_});
}

}  // namespace tsnap::http
