#include "hdf5/notes.h"

#include <fmt/format.h>

#include <algorithm>

#include "hdf5/scope.h"
#include "hdf5/types.h"

namespace tsnap::hdf5 {

namespace {

using one_file::Note;

// Longer attributes are data of somebody else.
constexpr size_t kMaxValueBytes = 64 << 10;

Handle ListSpace(hsize_t items) { return {H5Screate_simple(1, &items, nullptr), H5Sclose}; }

Status WriteNote(hid_t object, const Note& note) {
  const std::string action = "writing the attribute " + note.name;
  std::vector<const char*> texts;
  int64_t number = 0;
  const void* value = nullptr;
  Handle type, space;
  const auto add_text = [&](const std::string& text) {
    texts.push_back(text.c_str());
    return text.find('\0') == std::string::npos;
  };
  bool ok = !note.name.empty() && note.name.find('\0') == std::string::npos;
  if (const auto* one = std::get_if<std::string>(&note.value)) {
    ok = ok && add_text(*one);
    type = VariableTextType();
    space = Handle(H5Screate(H5S_SCALAR), H5Sclose);
  } else if (const auto* list = std::get_if<std::vector<std::string>>(&note.value)) {
    for (const std::string& text : *list) ok = ok && add_text(text);
    type = VariableTextType();
    space = ListSpace(list->size());
  } else {
    number = std::get<int64_t>(note.value);
    value = &number;
    type = Handle(H5Tcopy(H5T_NATIVE_INT64), H5Tclose);
    space = Handle(H5Screate(H5S_SCALAR), H5Sclose);
  }
  if (!ok) return Invalid(action + ": HDF5 cannot have NUL in texts, nor empty names");
  if (value == nullptr) value = texts.data();
  const Handle creation(H5Pcreate(H5P_ATTRIBUTE_CREATE), H5Pclose);
  if (!creation.ok() || H5Pset_char_encoding(creation.get(), H5T_CSET_UTF8) < 0)
    return Failure(Code::kInternal, action);
  const Handle attribute(
      H5Acreate2(object, note.name.c_str(), type.get(), space.get(), creation.get(), H5P_DEFAULT),
      H5Aclose);
  if (!attribute.ok() || (value != nullptr && H5Awrite(attribute.get(), type.get(), value) < 0))
    return Failure(Code::kIo, action);
  return Status::Ok();
}

herr_t KeepName(hid_t, const char* name, const H5A_info_t*, void* data) {
  static_cast<std::vector<std::string>*>(data)->push_back(name);
  return 0;
}

// Bytes of old encodings become "?": texts of tsnap are UTF-8.
std::string ToUtf8(std::string text) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = Utf8Length(std::string_view(text).substr(at));
    if (length == 0) text[at] = '?';
    at += std::max<size_t>(length, 1);
  }
  return text;
}

struct OpenAttribute {
  Handle attribute, type, space;
  size_t items = 0;
};

bool ReadTexts(const OpenAttribute& open, std::vector<std::string>* texts) {
  if (H5Tis_variable_str(open.type.get()) > 0) {
    std::vector<char*> values(open.items, nullptr);
    if (H5Aread(open.attribute.get(), open.type.get(), values.data()) < 0) return false;
    for (const char* value : values) texts->push_back(value == nullptr ? "" : value);
    H5Dvlen_reclaim(open.type.get(), open.space.get(), H5P_DEFAULT, values.data());
    return true;
  }
  const size_t bytes = H5Tget_size(open.type.get());
  if (bytes == 0 || bytes > kMaxValueBytes / open.items) return false;
  std::string values(bytes * open.items, '\0');
  if (H5Aread(open.attribute.get(), open.type.get(), values.data()) < 0) return false;
  for (size_t i = 0; i < open.items; ++i)
    texts->push_back(values.substr(i * bytes, strnlen(values.data() + i * bytes, bytes)));
  return true;
}

template <class T>
bool ReadNumbers(const OpenAttribute& open, hid_t memory, std::vector<std::string>* texts) {
  std::vector<T> values(open.items);
  if (H5Aread(open.attribute.get(), memory, values.data()) < 0) return false;
  for (const T value : values) texts->push_back(fmt::format("{}", value));
  return true;
}

bool ReadValue(const OpenAttribute& open, std::vector<std::string>* texts) {
  const Elements elements = Understand(open.type.get());
  if (elements.text != Elements::Text::kNone) return ReadTexts(open, texts);
  if (!elements.why_not.empty()) return false;
  const bool is_enum = H5Tget_class(open.type.get()) == H5T_ENUM;
  switch (elements.dtype) {
    case Dtype::kBool:
      return is_enum && ReadNumbers<int8_t>(open, open.type.get(), texts);
    case Dtype::kInt8:
    case Dtype::kInt16:
    case Dtype::kInt32:
    case Dtype::kInt64:
      return ReadNumbers<int64_t>(open, H5T_NATIVE_INT64, texts);
    case Dtype::kUint8:
    case Dtype::kUint16:
    case Dtype::kUint32:
    case Dtype::kUint64:
      return H5Tget_class(open.type.get()) != H5T_BITFIELD &&
             ReadNumbers<uint64_t>(open, H5T_NATIVE_UINT64, texts);
    case Dtype::kFloat16:
    case Dtype::kBfloat16:
    case Dtype::kFloat32:
      return ReadNumbers<float>(open, H5T_NATIVE_FLOAT, texts);
    case Dtype::kFloat64:
      return ReadNumbers<double>(open, H5T_NATIVE_DOUBLE, texts);
    default:
      return false;
  }
}

bool ReadAttribute(hid_t object, const std::string& name, std::string* value) {
  OpenAttribute open;
  open.attribute = Handle(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose);
  if (!open.attribute.ok()) return false;
  open.type = Handle(H5Aget_type(open.attribute.get()), H5Tclose);
  open.space = Handle(H5Aget_space(open.attribute.get()), H5Sclose);
  if (!open.type.ok() || !open.space.ok()) return false;
  const hssize_t items = H5Sget_simple_extent_npoints(open.space.get());
  if (items < 0 || static_cast<uint64_t>(items) > kMaxValueBytes / sizeof(char*)) return false;
  open.items = static_cast<size_t>(items);
  std::vector<std::string> texts;
  if (items > 0 && !ReadValue(open, &texts)) return false;
  *value = ToUtf8(fmt::format("{}", fmt::join(texts, ", ")));
  return value->size() <= kMaxValueBytes;
}

}  // namespace

Status WriteNotes(hid_t object, const std::vector<Note>& notes) {
  for (const Note& note : notes) TSNAP_TRY(WriteNote(object, note));
  return Status::Ok();
}

std::vector<Attribute> ReadAttributes(hid_t object) {
  std::vector<std::string> names;
  hsize_t position = 0;
  H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &position, KeepName, &names);
  std::vector<Attribute> attributes;
  for (const std::string& name : names) {
    std::string value;
    if (ReadAttribute(object, name, &value))
      attributes.emplace_back(ToUtf8(name), std::move(value));
  }
  std::sort(attributes.begin(), attributes.end());
  return attributes;
}

}  // namespace tsnap::hdf5
