#include "core/describe.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "stage/reach.h"

namespace tsnap {

namespace {

constexpr int kMaxNesting = 16;

class Describer {
 public:
  Describer(Purpose purpose, Description* out) : purpose_(purpose), out_(out) {}

  Status DescribeAll(const State& state) {
    TSNAP_TRY(DescribeStatefuls(state, /*rng=*/true));
    TSNAP_TRY(DescribeStatefuls(state, /*rng=*/false));
    TSNAP_TRY(AddObjects(state, -1));
    std::sort(out_->objects.begin(), out_->objects.end(),
              [](const LocalObject& a, const LocalObject& b) { return a.meta.path < b.meta.path; });
    return purpose_ == Purpose::kTake ? ApplyGlobs() : Status::Ok();
  }

 private:
  Status DescribeStatefuls(const State& state, bool rng) {
    for (const auto& [path, entry] : state.entries()) {
      const auto* stateful = std::get_if<RegisteredStateful>(&entry);
      if (stateful == nullptr || stateful->rng != rng) continue;
      TSNAP_TRY(DescribeOne(path, *stateful, state.depth()));
    }
    return Status::Ok();
  }

  Status DescribeOne(const std::string& path, const RegisteredStateful& stateful, int depth) {
    if (depth >= kMaxNesting) {
      return Invalid(fmt::format("describing stateful \"{}\": statefuls are nested deeper than {}",
                                 path, kMaxNesting));
    }
    children_.push_back(std::make_unique<State>(path + "/", depth + 1));
    State& child = *children_.back();
    // From here on nothing may fail before describe is called: what is listed is released.
    out_->statefuls.push_back({path, &stateful, false});
    const int index = static_cast<int>(out_->statefuls.size()) - 1;
    if (stateful.describe) TSNAP_TRY(stateful.describe(child));
    out_->statefuls.back().described = true;
    for (const auto& [below, entry] : child.entries()) {
      if (std::holds_alternative<RegisteredStateful>(entry)) {
        return Invalid(
            fmt::format("describing stateful \"{}\": a stateful cannot hold another one (\"{}\"); "
                        "register both on the "
                        "state",
                        path, below));
      }
    }
    return AddObjects(child, index);
  }

  Status AddObjects(const State& state, int stateful) {
    for (const auto& [path, entry] : state.entries()) {
      const auto* registered = std::get_if<RegisteredObject>(&entry);
      if (registered == nullptr) continue;
      LocalObject& object = out_->objects.emplace_back();
      object.meta = registered->meta;
      object.boxes = registered->boxes;
      object.value = registered->value;
      object.shape_known = registered->shape_known;
      object.stateful = stateful;
      TSNAP_TRY(AddValue(&object));
    }
    for (const std::string& glob : state.replicate_globs()) globs_.push_back(glob);
    return Status::Ok();
  }

  // Scalars, strings and byte blocks become arrays of one box.
  Status AddValue(LocalObject* object) {
    ObjectMeta& meta = object->meta;
    auto* data = static_cast<std::byte*>(object->value.data);
    switch (meta.type) {
      case Type::kArray:
        return Status::Ok();
      case Type::kInt64:
      case Type::kFloat64:
        break;
      case Type::kBool:
        TSNAP_TRY(CheckHostValue(object->value.data).While("describing object", meta.path));
        object->item = std::make_unique<std::byte[]>(1);
        object->item[0] = std::byte{*static_cast<const int32_t*>(object->value.data) != 0};
        data = object->item.get();
        break;
      case Type::kString:
      case Type::kBytes:
        TSNAP_TRY(CheckHostValue(meta.type == Type::kString
                                     ? object->value.data
                                     : static_cast<const void*>(object->value.size))
                      .While("describing object", meta.path));
        if (purpose_ == Purpose::kRestore) return Status::Ok();  // the shape is what was stored
        TSNAP_TRY(MeasureText(object));
        break;
    }
    object->boxes.push_back(
        {WholeBox(meta.ndim, meta.shape),
         ContiguousView(meta.dtype, meta.item_bytes, meta.ndim, meta.shape, data)});
    return Status::Ok();
  }

  static Status MeasureText(LocalObject* object) {
    const ValueAddress& value = object->value;
    size_t length = 0;
    if (object->meta.type == Type::kString) {
      length = strnlen(static_cast<const char*>(value.data), value.capacity);
      if (length == value.capacity) {
        return Invalid(
            fmt::format("taking string \"{}\": there is no NUL within its capacity of {} bytes",
                        object->meta.path, value.capacity));
      }
    } else {
      length = *value.size;
      if (length > value.capacity) {
        return Invalid(
            fmt::format("taking bytes \"{}\": its size of {} is larger than its capacity of {}",
                        object->meta.path, length, value.capacity));
      }
    }
    object->meta.ndim = 1;
    object->meta.shape = {static_cast<int64_t>(length)};
    return Status::Ok();
  }

  bool IsRng(const LocalObject& object) const {
    return object.stateful >= 0 &&
           out_->statefuls[static_cast<size_t>(object.stateful)].callbacks->rng;
  }

  Status ApplyGlobs() {
    for (const std::string& glob : globs_) {
      bool matched = false;
      for (LocalObject& object : out_->objects) {
        const bool eligible = object.meta.type != Type::kString &&
                              object.meta.type != Type::kBytes &&
                              object.meta.kind != Kind::kSharded && !IsRng(object);
        if (!eligible || !GlobMatches(glob, object.meta.path)) continue;
        matched = true;
        object.meta.kind = Kind::kReplicated;
      }
      if (!matched) {
        return Invalid(fmt::format(
            "replicating \"{}\": the glob matches no private array or scalar of the state", glob));
      }
    }
    return Status::Ok();
  }

  Purpose purpose_;
  Description* out_;
  std::vector<std::string> globs_;
  std::vector<std::unique_ptr<State>> children_;
};

}  // namespace

Description::~Description() { Release(); }

void Description::Release() {
  for (const DescribedStateful& stateful : statefuls) {
    if (stateful.callbacks->release) stateful.callbacks->release();
  }
  statefuls.clear();
}

Status Describe(const State& state, Purpose purpose, Description* out) {
  LookForDevices();
  return Describer(purpose, out).DescribeAll(state);
}

Status LoadStateful(const DescribedStateful& stateful) {
  return stateful.callbacks->loaded ? stateful.callbacks->loaded() : Status::Ok();
}

Status LoadRngs(const Description& description) {
  Status first;
  for (const DescribedStateful& stateful : description.statefuls) {
    if (!stateful.callbacks->rng || !stateful.described) continue;
    Status status = LoadStateful(stateful);
    if (first.ok()) first = std::move(status);
  }
  return first;
}

}  // namespace tsnap
