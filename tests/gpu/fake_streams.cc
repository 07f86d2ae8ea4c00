#include "fake_streams.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>

#include "fake_memory.h"

namespace fake {

namespace {

uint64_t Number(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

uint64_t NextSeed() {
  static std::atomic<uint64_t> next{Number("TSNAP_FAKE_CUDA_SEED", 1)};
  return next++;
}

}  // namespace

Stream::Stream(Context* context)
    : context_(context), random_(static_cast<unsigned>(NextSeed())), thread_([this] { Work(); }) {}

Stream::~Stream() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Stream::Give(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
  }
  changed_.notify_all();
}

void Stream::Wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return work_.empty() && !working_; });
}

bool Stream::is_idle() {
  const std::lock_guard lock(mutex_);
  return work_.empty() && !working_;
}

void Stream::Work() {
  const uint64_t longest_us = Number("TSNAP_FAKE_CUDA_DELAY_US", 200);
  for (;;) {
    std::function<void()> next;
    {
      std::unique_lock lock(mutex_);
      working_ = false;
      changed_.notify_all();
      changed_.wait(lock, [&] { return ending_ || !work_.empty(); });
      if (work_.empty()) return;
      next = std::move(work_.front());
      work_.pop_front();
      working_ = true;
    }
    if (longest_us > 0) std::this_thread::sleep_for(std::chrono::microseconds(random_() % longest_us));
    next();
  }
}

void Event::Record(Stream* stream) {
  uint64_t number = 0;
  {
    const std::lock_guard lock(state_->mutex);
    number = ++state_->recorded;
  }
  stream->Give([state = state_, number] {
    {
      const std::lock_guard lock(state->mutex);
      state->over = std::max(state->over, number);
    }
    state->changed.notify_all();
  });
}

void Event::Wait() { Waiting()(); }

bool Event::is_over() {
  const std::lock_guard lock(state_->mutex);
  return state_->over >= state_->recorded;
}

std::function<void()> Event::Waiting() {
  const std::lock_guard lock(state_->mutex);
  return [state = state_, number = state_->recorded] {
    std::unique_lock waiting(state->mutex);
    state->changed.wait(waiting, [&] { return state->over >= number; });
  };
}

Handles& TheHandles() {
  static Handles* const handles = new Handles;
  return *handles;
}

Context* Handles::Add(int device, bool is_primary) {
  static std::atomic<unsigned long long> last{0};
  auto* context = new Context{device, is_primary, nullptr, ++last};
  context->legacy = std::make_unique<Stream>(context);
  const std::lock_guard lock(mutex_);
  contexts_.insert(context);
  return context;
}

// Its streams and events go with it. The object stays, so that no other context gets its address.
void Handles::Remove(Context* context) {
  for (const auto& stream : StreamsOf(context)) Remove(stream.get());
  const std::lock_guard lock(mutex_);
  for (auto it = events_.begin(); it != events_.end();) {
    if ((*it)->context() == context) {
      delete *it;
      it = events_.erase(it);
    } else {
      ++it;
    }
  }
  context->legacy.reset();
  contexts_.erase(context);
  gone_.push_back(context);
}

bool Handles::IsAlive(const Context* context) {
  const std::lock_guard lock(mutex_);
  return contexts_.count(const_cast<Context*>(context)) > 0;
}

Stream* Handles::AddStream(Context* context) {
  auto stream = std::make_shared<Stream>(context);
  const std::lock_guard lock(mutex_);
  return streams_.emplace(stream.get(), stream).first->first;
}

// It ends with the last that waits for it.
void Handles::Remove(Stream* stream) {
  std::shared_ptr<Stream> gone;
  const std::lock_guard lock(mutex_);
  if (const auto it = streams_.find(stream); it != streams_.end()) {
    gone = std::move(it->second);
    streams_.erase(it);
  }
}

Stream* Handles::CheckStream(void* handle, const char* function) {
  auto* stream = static_cast<Stream*>(handle);
  const std::lock_guard lock(mutex_);
  if (stream != nullptr && streams_.count(stream) == 0) Misuse(std::string(function) + " is given a stream that there is not");
  return stream;
}

Event* Handles::AddEvent(Context* context) {
  auto* event = new Event(context);
  const std::lock_guard lock(mutex_);
  events_.insert(event);
  return event;
}

void Handles::Remove(Event* event) {
  const std::lock_guard lock(mutex_);
  events_.erase(event);
  delete event;
}

Event* Handles::CheckEvent(void* handle, const char* function) {
  auto* event = static_cast<Event*>(handle);
  const std::lock_guard lock(mutex_);
  if (events_.count(event) == 0) Misuse(std::string(function) + " is given an event that there is not");
  return event;
}

std::vector<std::shared_ptr<Stream>> Handles::StreamsOf(const Context* context) {
  std::vector<std::shared_ptr<Stream>> found;
  const std::lock_guard lock(mutex_);
  for (const auto& [handle, stream] : streams_)
    if (stream->context() == context) found.push_back(stream);
  return found;
}

size_t Handles::stream_count() {
  const std::lock_guard lock(mutex_);
  return streams_.size();
}

size_t Handles::event_count() {
  const std::lock_guard lock(mutex_);
  return events_.size();
}

void WaitForAll(const Context* context) {
  context->legacy->Wait();
  for (const auto& stream : TheHandles().StreamsOf(context)) stream->Wait();
}

}  // namespace fake
