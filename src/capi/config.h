// tsnap_config and the environment as the core's values.
#pragma once

#include "base/knobs.h"
#include "base/log.h"
#include "base/status.h"
#include "core/operation.h"
#include "tsnap/config.h"

namespace tsnap::capi {

// config may be null. log and event may be null where nothing is logged or told.
Status ReadConfig(const tsnap_config* config, Knobs* knobs, Log* log, EventCallback* event);

// A switch: 0 is the default. kInvalid for what is none.
Status ReadSwitch(int32_t value, bool fallback, const char* name, bool* out);

}  // namespace tsnap::capi
