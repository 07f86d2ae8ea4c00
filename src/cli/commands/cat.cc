// tsnap cat: the value of one object, or of a box of it, read piece by piece.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/box.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/page.h"
#include "cli/pieces.h"
#include "cli/progress.h"
#include "cli/snapshot.h"
#include "cli/text.h"
#include "cli/values.h"

namespace tsnap::cli {
namespace {

struct Arguments {
  std::string url, path, box;
  bool json = false, raw = false;
};

int64_t Elements(const tsnap_object_info& object, const Box& box) {
  int64_t count = 1;
  for (int32_t axis = 0; axis < object.ndim; ++axis) count *= box.shape[static_cast<size_t>(axis)];
  return count;
}

void PrintArray(const Snapshot& snapshot, const tsnap_object_info& object,
                const Arguments& arguments) {
  const Box box = ParseBox(arguments.box, object);
  Page page(object, box, arguments.json ? Page::kJson : arguments.raw ? Page::kRaw : Page::kText);
  if (page.IsEmpty()) return page.Finish();
  // Where the values go to the terminal themselves, they are the progress.
  std::optional<Progress> progress;
  if (isatty(STDOUT_FILENO) != 1) progress.emplace("reading");
  const auto total = static_cast<uint64_t>(Elements(object, box) * object.item_bytes);
  uint64_t done = 0;
  std::vector<std::byte> memory;
  Pieces pieces(object, box);
  while (const std::optional<Box> piece = pieces.Next()) {
    const int64_t count = Elements(object, *piece);
    memory.resize(static_cast<size_t>(count * object.item_bytes));
    tsnap_array array = TSNAP_ARRAY_INIT;
    array.dtype = object.dtype;
    array.ndim = object.ndim;
    array.item_bytes = object.item_bytes;
    array.data = memory.data();
    std::copy_n(piece->shape.begin(), object.ndim, array.shape);
    std::copy_n(piece->offset.begin(), object.ndim, array.offset);
    Check(tsnap_read(snapshot.get(), object.path, &array, nullptr));
    page.Add(memory.data(), count);
    done += memory.size();
    if (progress) progress->Set(done, total);
  }
  page.Finish();
}

void PrintString(const Snapshot& snapshot, const tsnap_object_info& object, bool json) {
  std::string text(object.bytes + 1, '\0');
  Check(tsnap_read_string(snapshot.get(), object.path, text.data(), text.size(), nullptr));
  text.pop_back();
  Print(json ? Dump(text) + "\n" : text);
}

void PrintBytes(const Snapshot& snapshot, const tsnap_object_info& object,
                const Arguments& arguments) {
  constexpr size_t kLineBytes = 32;
  std::vector<std::byte> bytes(object.bytes);
  {
    Progress progress("reading");
    const WatchSnapshot watch(snapshot, &progress);
    Check(tsnap_read_bytes(snapshot.get(), object.path, bytes.data(), bytes.size(), nullptr));
  }
  if (arguments.raw) return Print({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  const size_t step = arguments.json ? std::max<size_t>(bytes.size(), 1) : kLineBytes;
  if (arguments.json) Print("\"");
  for (size_t start = 0; start < bytes.size(); start += step) {
    std::string line;
    AppendHex(bytes.data() + start, std::min(step, bytes.size() - start), &line);
    Print(line + (arguments.json ? "" : "\n"));
  }
  if (arguments.json) Print("\"\n");
}

void PrintScalar(const Snapshot& snapshot, const tsnap_object_info& object, bool json) {
  std::string text;
  const auto append = [&](const auto& value, int32_t dtype) {
    (json ? AppendJson : AppendText)(reinterpret_cast<const std::byte*>(&value), dtype,
                                     sizeof(value), &text);
  };
  if (object.type == TSNAP_OBJECT_INT64) {
    int64_t value = 0;
    Check(tsnap_read_int64(snapshot.get(), object.path, &value));
    append(value, TSNAP_INT64);
  } else if (object.type == TSNAP_OBJECT_FLOAT64) {
    double value = 0;
    Check(tsnap_read_float64(snapshot.get(), object.path, &value));
    append(value, TSNAP_FLOAT64);
  } else {
    int32_t value = 0;
    Check(tsnap_read_bool(snapshot.get(), object.path, &value));
    text = value != 0 ? "true" : "false";
  }
  Print(text + "\n");
}

ExitCode Run(const Arguments& arguments) {
  const Snapshot snapshot(arguments.url);
  const tsnap_object_info object = snapshot.Find(arguments.path);
  if (!arguments.box.empty() && object.type != TSNAP_OBJECT_ARRAY)
    throw Failure(kUsage, fmt::format("--box: {} is no array, it is of type {}",
                                      Printable(object.path), TypeName(object.type)));
  switch (object.type) {
    case TSNAP_OBJECT_ARRAY:
      PrintArray(snapshot, object, arguments);
      break;
    case TSNAP_OBJECT_STRING:
      PrintString(snapshot, object, arguments.json);
      break;
    case TSNAP_OBJECT_BYTES:
      PrintBytes(snapshot, object, arguments);
      break;
    default:
      PrintScalar(snapshot, object, arguments.json);
  }
  return kOk;
}

std::function<ExitCode()> Declare(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("URL", arguments->url, "The snapshot")->type_name("")->required();
  app.add_option("PATH", arguments->path, "The object, as ls names it: private ones as RANK/PATH")
      ->type_name("")
      ->required();
  app.add_option("--box", arguments->box,
                 "RANGES, one for each axis, half-open: \"0:4,10:20\", \":,3\", \"2:,:5\"")
      ->type_name("RANGES");
  auto* json = app.add_flag("--json", arguments->json, "Print JSON; arrays as nested lists");
  app.add_flag("--raw", arguments->raw,
               "Print the bytes of arrays and byte blocks as they are, in row-major order")
      ->excludes(json);
  return [arguments] { return Run(*arguments); };
}

}  // namespace

const Command kCat = {"cat", "Print the value of an object, or of a box of it",
                      "  tsnap cat run/step-000100 fluid/density --box 0:4,10:20\n"
                      "  tsnap cat run/step-000100 0/rng --raw >rng.bin\n"
                      "  tsnap cat --json run/step-000100 step",
                      Declare};

}  // namespace tsnap::cli
