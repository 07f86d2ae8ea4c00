// Read-ahead: how the files at a place are read so that the disk is busy and nothing is read that
// nobody wants. Where Linux's own page cache serves the reads, tsnap says itself what it will read:
// the kernel's guesses are off (several threads read pieces of one slab, which looks like random
// access, and a part of an array would drag in its neighbours). Elsewhere the file system's own
// readahead is left alone.
#pragma once

#include <cstdint>
#include <string>

namespace tsnap::posix {

// Whether announcing works at the folder, which may be missing.
bool CanReadAhead(const std::string& folder);
// Right after opening. announced: every read of more than a block will be.
void ExpectReads(int fd, bool announced);
// Has these bytes fetched into the page cache, without waiting for them; false when the file system
// does not.
bool ReadAhead(int fd, uint64_t offset, uint64_t bytes);

}  // namespace tsnap::posix
