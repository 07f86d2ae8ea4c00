// CopyJournal: which objects of a copy in progress are finished, kept beside them at the
// destination, so that a copy that was interrupted goes on where it was. A store that preallocates
// shows a half-written object with its full size: only what a note names counts as finished.
//
//   <id>/copied/<owner>.<number>   one note: a line "<bytes> <key below id>" for each object, and
//                                  "crc32c <8 hexadecimal digits>" of these lines as the last one
//
// Only the notes of the owner that the marker names are believed: one that lost the place may go on
// to note objects that are another's by then.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "store/store.h"

namespace tsnap {

// Sizes by key.
using ObjectSizes = std::map<std::string, uint64_t>;

class CopyJournal {
 public:
  CopyJournal(std::shared_ptr<Store> store, std::string id, std::string owner);

  // What the notes of an earlier owner name. A note that is damaged names nothing.
  Result<ObjectSizes> ReadNotesOf(const std::string& earlier_owner);
  // One more note.
  Status Write(const std::vector<Entry>& finished);
  // Whether the key is of the journal, whoever's.
  bool IsNote(std::string_view key) const { return key.starts_with(prefix_); }
  bool IsOwnNote(std::string_view key) const { return key.starts_with(own_prefix_); }
  Status RemoveAll() { return store_->RemoveAll(prefix_); }

 private:
  void Decode(std::string_view text, ObjectSizes* sizes) const;

  const std::shared_ptr<Store> store_;
  const std::string id_prefix_, prefix_, own_prefix_;
  uint64_t notes_ = 0;
};

}  // namespace tsnap
