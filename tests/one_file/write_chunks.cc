// Makes the file of tests/unit/hdf5_chunk_file.h for other readers: write_chunks FILE. Prints a line for each chunk: the dataset,
// the chunk's number, its address, its bytes, 1 if it is stored as it is.
#include <cstdio>

#include "format/one_file/library.h"
#include "hdf5_chunk_file.h"

using namespace tsnap;
using namespace tsnap::test;

int main(int, char** argv) {
  ChunkWriter writer(argv[1]);
  const std::vector<CompressedArray> arrays = WriteArrays(&writer);
  one_file::FileMap map;
  Result<const one_file::Library*> library = one_file::LoadLibrary();
  Must(library.ok(), library.status().message());
  const Status status = (*library)->Create(argv[1], PlanOf(writer, arrays), [] {}, &map);
  Must(status.ok(), status.message());
  for (const CompressedArray& array : arrays)
    for (const one_file::Chunk& chunk : array.spec.chunks)
      std::printf("%s %llu %llu %llu %d\n", array.spec.name.c_str(), static_cast<unsigned long long>(chunk.number),
                  static_cast<unsigned long long>(chunk.address), static_cast<unsigned long long>(chunk.bytes), chunk.as_it_is);
  return 0;
}
