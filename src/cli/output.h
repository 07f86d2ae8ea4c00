// Standard output: buffered, and honest about what did not arrive.
#pragma once

#include <string_view>

namespace tsnap::cli {

// Whoever read our output has left (`tsnap ls URL | head`): nothing is wrong and nothing more is to
// be done.
class ReaderLeft {};

// Both throw ReaderLeft, or Failure when the output cannot be written.
void Print(std::string_view text);
void Flush();

}  // namespace tsnap::cli
