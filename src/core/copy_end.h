// The two ends of a copy, whether its objects are copied (copy.h) or converted (convert.h): opened,
// and the source looked at again. Every call is watched.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/status.h"
#include "core/copy.h"
#include "engine/engine.h"
#include "store/store.h"

namespace tsnap {

Result<std::shared_ptr<Store>> OpenEnd(Engine& engine, const CopyEnd& end);

// A source whose commit record has this text is there still: kNotFound when another snapshot, or
// none, is.
Status CheckIsThere(Engine& engine, const std::shared_ptr<Store>& source,
                    const std::shared_ptr<const Bytes>& record_text);
// Of a failure to read from it: what is missing may have been removed together with its snapshot.
Status ExplainMissing(Engine& engine, const std::shared_ptr<Store>& source,
                      const std::shared_ptr<const Bytes>& record_text, Status failure);

}  // namespace tsnap
