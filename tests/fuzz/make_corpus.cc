// Writes the seeds of the fuzz targets. Run it when the format gains something worth a seed: make_corpus tests/fuzz/corpus
#include <cstdio>
#include <fstream>
#include <string>

#include "format/native/commit_record.h"
#include "format/native/index_part.h"
#include "unit/format_samples.h"

namespace {

constexpr size_t kMaxSeedBytes = 10'000;  // small seeds fuzz faster

bool Write(const std::string& file, tsnap::ConstByteSpan bytes) {
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return static_cast<bool>(out);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace tsnap;
  if (argc != 2) return 2;
  const std::string folder = argv[1];
  bool ok = true;
  for (int i = 0; i < 6; ++i) {
    samples::Random random(static_cast<uint64_t>(i));
    Bytes part;
    do {
      part = native::EncodeIndexPart(samples::RandomPart(&random, 1 + 2 * i));
    } while (part.size() > kMaxSeedBytes);
    ok = ok && Write(folder + "/index/" + std::to_string(i) + ".tsix", part);
    native::CommitRecord record = samples::RandomRecord(&random, static_cast<size_t>(1 + i));
    record.id = std::string(31, '0') + static_cast<char>('a' + i);  // the same at every run
    ok = ok && Write(folder + "/record/" + std::to_string(i) + ".json", AsBytes(*native::EncodeRecord(record)));
    record.hashed_slab_names = true;
    if (i == 0) ok = ok && Write(folder + "/record/hashed.json", AsBytes(*native::EncodeRecord(record)));
  }
  if (!ok) std::fprintf(stderr, "%s: cannot write there\n", folder.c_str());
  return ok ? 0 : 1;
}
