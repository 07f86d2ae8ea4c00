// Runs a fuzz target without libFuzzer, so that every compiler and every test run exercises it: each file of a corpus as it
// is, then mutants of it. Usage: replay FOLDER [mutants per file]. The seed is printed; TSNAP_TEST_SEED sets it.
#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Input = std::vector<uint8_t>;

std::vector<Input> ReadCorpus(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Input> corpus;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return corpus;
}

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : engine_(seed) {}

  Input Mutate(Input input) {
    for (size_t times = 1 + Below(4); times > 0 && !input.empty(); --times) Once(&input);
    return input;
  }

 private:
  size_t Below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(engine_); }

  void Once(Input* input) {
    static constexpr uint64_t kOdd[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff,
                                        0x8000000000000000, 0xffffffffffffffff};
    const size_t at = Below(input->size());
    switch (Below(5)) {
      case 0:
        (*input)[at] = static_cast<uint8_t>((*input)[at] ^ (1u << Below(8)));
        break;
      case 1:
        input->resize(at);
        break;
      case 2: {  // a small integer or an offset, changed a little
        (*input)[at] = static_cast<uint8_t>((*input)[at] + Below(9) - 4);
        break;
      }
      case 3: {  // an integer of 1, 2, 4 or 8 bytes at its natural place
        const size_t width = size_t{1} << Below(4), start = at / width * width;
        const uint64_t value = kOdd[Below(std::size(kOdd))];
        for (size_t i = 0; i < width && start + i < input->size(); ++i) {
          (*input)[start + i] = static_cast<uint8_t>(value >> (8 * i));
        }
        break;
      }
      default: {  // a stretch copied over another
        const size_t from = Below(input->size());
        const size_t count = std::min(1 + Below(32), input->size() - std::max(at, from));
        const Input stretch(input->begin() + static_cast<ptrdiff_t>(from), input->begin() + static_cast<ptrdiff_t>(from + count));
        std::copy(stretch.begin(), stretch.end(), input->begin() + static_cast<ptrdiff_t>(at));
      }
    }
  }

  std::mt19937_64 engine_;
};

// Of exactly its size on the heap, so that a sanitizer sees a read past the end.
void Run(const Input& input) {
  const Input exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s FOLDER [mutants per file]\n", argv[0]);
    return 2;
  }
  const char* given = std::getenv("TSNAP_TEST_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  const long mutants = argc > 2 ? std::strtol(argv[2], nullptr, 10) : 3000;
  std::printf("TSNAP_TEST_SEED=%" PRIu64 "\n", seed);
  std::fflush(stdout);
  const std::vector<Input> corpus = ReadCorpus(argv[1]);
  if (corpus.empty()) {
    std::fprintf(stderr, "%s: no corpus there\n", argv[1]);
    return 1;
  }
  Mutator mutator(seed);
  for (const Input& input : corpus) {
    Run(input);
    for (long i = 0; i < mutants; ++i) Run(mutator.Mutate(input));
  }
  std::printf("%zu files, %ld mutants each\n", corpus.size(), mutants);
  return 0;
}
