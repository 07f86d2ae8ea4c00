// The contexts, streams and events of the stand-in. A stream is a thread that does what it was given in order, each thing a
// little later than it could have.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace fake {

class Stream;

struct Context {
  int device = 0;
  bool is_primary = false;
  std::unique_ptr<Stream> legacy;   // the null stream
  unsigned long long number = 0;    // of no other context before or after
};

class Stream {
 public:
  explicit Stream(Context* context);
  ~Stream();   // after what it was given
  Context* context() const { return context_; }
  void Give(std::function<void()> work);
  void Wait();
  bool is_idle();

 private:
  void Work();

  Context* const context_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;   // guarded by mutex_
  bool working_ = false, ending_ = false;    // guarded by mutex_
  std::minstd_rand random_;
  std::thread thread_;
};

// An event is over when everything is that was given to its stream before it was recorded.
class Event {
 public:
  explicit Event(Context* context) : context_(context) {}
  Context* context() const { return context_; }
  void Record(Stream* stream);
  void Wait();
  bool is_over();
  // What a stream does that waits for the event as it stands now.
  std::function<void()> Waiting();

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    uint64_t recorded = 0, over = 0;   // guarded by mutex
  };
  Context* const context_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// What lives, by address: a handle that is none is misuse.
class Handles {
 public:
  Context* Add(int device, bool is_primary);
  void Remove(Context* context);
  bool IsAlive(const Context* context);
  Stream* AddStream(Context* context);
  void Remove(Stream* stream);
  Stream* CheckStream(void* handle, const char* function);   // null stays null
  Event* AddEvent(Context* context);
  void Remove(Event* event);
  Event* CheckEvent(void* handle, const char* function);
  std::vector<std::shared_ptr<Stream>> StreamsOf(const Context* context);
  size_t stream_count();
  size_t event_count();

 private:
  std::mutex mutex_;
  std::set<Context*> contexts_;
  std::vector<Context*> gone_;
  std::map<Stream*, std::shared_ptr<Stream>> streams_;
  std::set<Event*> events_;
};

Handles& TheHandles();
void WaitForAll(const Context* context);

}  // namespace fake
