// tsnap ls: the objects of a snapshot, as a tree.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/glob.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/snapshot.h"
#include "cli/text.h"

namespace tsnap::cli {
namespace {

struct Arguments {
  std::string url, pattern;
  bool json = false, paths = false;
};

nlohmann::ordered_json AttributesOf(const Snapshot& snapshot, const char* path) {
  auto attributes = nlohmann::ordered_json::object();
  const char *name = nullptr, *value = nullptr;
  int32_t status = TSNAP_OK;
  for (int64_t i = 0;
       (status = tsnap_snapshot_attribute_at(snapshot.get(), path, i, &name, &value)) == TSNAP_OK;
       ++i)
    attributes[name] = value;
  if (status != TSNAP_E_NOT_FOUND) Check(status);
  return attributes;
}

nlohmann::ordered_json ToJson(const Snapshot& snapshot, const tsnap_object_info& object) {
  nlohmann::ordered_json json;
  json["path"] = object.path;
  json["type"] = TypeName(object.type);
  json["kind"] = KindName(object.kind);
  if (object.kind == TSNAP_PRIVATE) json["rank"] = object.rank;
  if (object.type == TSNAP_OBJECT_ARRAY) {
    json["dtype"] = DtypeName(object.dtype);
    json["shape"] = std::vector<int64_t>(object.shape, object.shape + object.ndim);
    json["item_bytes"] = object.item_bytes;
    json["box_count"] = object.box_count;
  }
  json["bytes"] = object.bytes;
  json["stored_bytes"] = object.stored_bytes;
  json["attributes"] = AttributesOf(snapshot, object.path);
  return json;
}

std::vector<std::string_view> PartsOf(std::string_view path) {
  std::vector<std::string_view> parts;
  for (size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/')) {
    parts.push_back(path.substr(0, slash));
    path.remove_prefix(slash + 1);
  }
  parts.push_back(path);
  return parts;
}

// On a terminal a byte is not a column: the continuation bytes of UTF-8 take none.
size_t Columns(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string Pad(const std::string& text, size_t columns) {
  return text + std::string(columns - std::min(columns, Columns(text)), ' ');
}

struct Widths {
  size_t name = 0, element = 0, shape = 0, kind = 0, size = 0;
};

std::string NameInTree(const tsnap_object_info& object) {
  const auto parts = PartsOf(object.path);
  return std::string(2 * (parts.size() - 1), ' ') + Printable(parts.back());
}

void Measure(const tsnap_object_info& object, Widths* widths) {
  widths->name = std::max(widths->name, Columns(NameInTree(object)));
  widths->element = std::max(widths->element, ElementName(object).size());
  widths->shape = std::max(widths->shape, ShapeText(object).size());
  widths->kind = std::max(widths->kind, KindName(object.kind).size());
  widths->size = std::max(widths->size, HumanBytes(object.bytes).size());
}

// The folders that the object before does not share, then the object.
void PrintInTree(const tsnap_object_info& object, const Widths& widths,
                 std::vector<std::string>* folders) {
  const auto parts = PartsOf(object.path);
  size_t shared = 0;
  while (shared < folders->size() && shared + 1 < parts.size() &&
         (*folders)[shared] == parts[shared])
    ++shared;
  folders->resize(shared);
  for (size_t depth = shared; depth + 1 < parts.size(); ++depth) {
    Print(std::string(2 * depth, ' ') + Printable(parts[depth]) + "/\n");
    folders->emplace_back(parts[depth]);
  }
  Print(fmt::format("{}  {:<{}}  {:<{}}  {:<{}}  {:>{}}\n", Pad(NameInTree(object), widths.name),
                    ElementName(object), widths.element, ShapeText(object), widths.shape,
                    KindName(object.kind), widths.kind, HumanBytes(object.bytes), widths.size));
}

ExitCode Run(const Arguments& arguments) {
  Progress progress("reading the index");
  const Snapshot snapshot(arguments.url);
  Widths widths;
  int64_t count = 0;
  const auto for_each = [&](const std::function<void(const tsnap_object_info&)>& use) {
    snapshot.ForEach([&](const tsnap_object_info& object) {
      if (arguments.pattern.empty() || MatchesAtOrAbove(arguments.pattern, object.path))
        use(object);
    });
  };
  for_each([&](const tsnap_object_info& object) {
    ++count;
    Measure(object, &widths);
  });
  progress.Stop();
  if (count == 0 && !arguments.pattern.empty())
    throw Failure(kFailed, fmt::format("no object of {} matches \"{}\"", Printable(arguments.url),
                                       Printable(arguments.pattern)));

  std::vector<std::string> folders;
  const char* separator = "[\n";
  for_each([&](const tsnap_object_info& object) {
    if (arguments.json) {
      Print(separator + ("  " + Dump(ToJson(snapshot, object))));
      separator = ",\n";
    } else if (arguments.paths) {
      Print(Printable(object.path) + "\n");
    } else {
      PrintInTree(object, widths, &folders);
    }
  });
  if (arguments.json) Print(count > 0 ? "\n]\n" : "[]\n");
  return kOk;
}

std::function<ExitCode()> Declare(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("URL", arguments->url, "The snapshot")->type_name("")->required();
  app.add_option("PATTERN", arguments->pattern,
                 "Only objects whose path, or a folder of it, matches: * within a part, ** across")
      ->type_name("");
  auto* json =
      app.add_flag("--json", arguments->json, "Print JSON, one object a line, with attributes");
  app.add_flag("--paths", arguments->paths, "Print paths only")->excludes(json);
  return [arguments] { return Run(*arguments); };
}

}  // namespace

const Command kLs = {"ls", "List the objects of a snapshot: type, shape, kind, size",
                     "  tsnap ls run/step-000100\n"
                     "  tsnap ls run/step-000100 fluid\n"
                     "  tsnap ls --json run/step-000100 '*/rng'",
                     Declare};

}  // namespace tsnap::cli
