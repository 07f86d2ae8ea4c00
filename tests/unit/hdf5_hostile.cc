// Files that are none of HDF5, cut, or damaged: a clear status each, never a crash of ours.
#include <sys/wait.h>

#include <cstdio>

#include "hdf5_files.h"
#include "seeded.h"

using namespace tsnap;
using namespace tsnap::test;

namespace {

void WriteFile(const std::string& path, std::string_view text) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  cr_assert_not_null(file);
  cr_assert_eq(std::fwrite(text.data(), 1, text.size(), file), text.size());
  std::fclose(file);
}

Code OpenCode(const std::string& path) {
  const Status status = TheLibrary().Open(path, "the file").status();
  cr_assert_eq(status.message().find('\n'), std::string::npos);
  return status.code();
}

}  // namespace

Test(hdf5_hostile, what_is_no_hdf5_file_is_told_apart) {
  const Folder folder;
  WriteFile(folder / "text.h5", "not HDF5 at all, but a text\n");
  WriteFile(folder / "empty.h5", "");
  WriteFile(folder / "signature.h5", "\x89HDF\r\n\x1a\n");
  cr_assert_eq(OpenCode(folder / "none.h5"), Code::kNotFound);
  cr_assert_eq(OpenCode(folder / "text.h5"), Code::kCorrupt);
  cr_assert_eq(OpenCode(folder / "empty.h5"), Code::kCorrupt);
  cr_assert_eq(OpenCode(folder / "signature.h5"), Code::kCorrupt);
  cr_assert_eq(OpenCode(folder / ""), Code::kCorrupt);
}

Test(hdf5_hostile, names_that_are_not_there_are_not_found) {
  const Folder folder;
  FilePlan plan;
  plan.datasets = {Spec("/g/a", Dtype::kInt8, {3})};
  CreateOrFail(folder / "a.h5", plan);
  const std::unique_ptr<File> file = OpenOrFail(folder / "a.h5");
  std::byte byte;
  for (const std::string& name : {std::string("/none"), std::string("/g"), std::string("/"), std::string(), std::string("g/a"),
                                  std::string("/g/a\0b", 6), std::string("/g/a/b"), std::string("/none/a"), std::string("/g/..")}) {
    cr_assert_eq(file->Locate(name).status().code(), Code::kNotFound, "%s: %s", name.c_str(),
                 file->Locate(name).status().ToString().c_str());
    cr_assert_eq(file->ReadWhole(name, 10).status().code(), Code::kNotFound);
    cr_assert_eq(file->Read(name, Box{1, {0}, {1}}, ByteSpan(&byte, 1)).code(), Code::kNotFound);
  }
}

Test(hdf5_hostile, a_file_that_was_cut_does_not_deliver_bytes) {
  const Folder folder;
  FilePlan plan;
  plan.datasets = {Spec("/a", Dtype::kInt8, {1000}), Spec("/b", Dtype::kInt8, {4 << 20})};
  const FileMap map = CreateOrFail(folder / "a.h5", plan);
  const uint64_t length = std::filesystem::file_size(folder / "a.h5");
  for (const uint64_t cut : {length - 1, map.datasets[1].place.address + 5, map.datasets[1].place.address, uint64_t{100}, uint64_t{1}}) {
    std::filesystem::resize_file(folder / "a.h5", cut);
    Result<std::unique_ptr<File>> file = TheLibrary().Open(folder / "a.h5", "the file");
    if (!file.ok()) {
      cr_assert_eq(file.status().code(), Code::kCorrupt, "%s", file.status().message().c_str());
      continue;
    }
    cr_assert_eq((*file)->Locate("/b").status().code(), Code::kCorrupt);
    cr_assert_eq((*file)->ReadWhole("/b", 8 << 20).status().code(), Code::kCorrupt);
  }
}

// HDF5's own parser is not proof against everything; what dies is a child, and is counted, not failed.
Test(hdf5_hostile, damaged_bytes_give_a_status_or_data) {
  const Folder folder;
  FilePlan plan;
  plan.datasets = {Spec("/g/a", Dtype::kFloat32, {10, 10}), TextSpec("/g/text", 20), Spec("/h/c", Dtype::kComplex64, {3}),
                   Spec("/h/o", Dtype::kOpaque, {4}, 12)};
  plan.datasets[0].notes = {{"unit", std::string("kg")}, {"n", int64_t{3}}};
  CreateOrFail(folder / "a.h5", plan);
  const uint64_t length = std::filesystem::file_size(folder / "a.h5");
  const Bytes whole = ReadAt(folder / "a.h5", 0, length);
  Seeded random;
  int refused = 0, died = 0;
  for (int i = 0; i < 200; ++i) {
    Bytes damaged = whole;
    for (int64_t n = random.Int(1, 4); n > 0; --n)
      damaged[static_cast<size_t>(random.Int(0, static_cast<int64_t>(length) - 1))] = static_cast<std::byte>(random.Int(0, 255));
    WriteFile(folder / "b.h5", AsText(damaged));
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      Result<std::unique_ptr<File>> file = TheLibrary().Open(folder / "b.h5", "the file");
      if (!file.ok()) _exit(1);
      bool ok = true;
      const Status status = (*file)->Walk([&](FoundDataset found) {
        const Box box = WholeBox(found.ndim, found.shape);
        const uint64_t size = Volume(box) * static_cast<uint64_t>(found.item_bytes);
        Bytes bytes(std::min<uint64_t>(size, 1 << 20));
        ok = ok && found.readable && (*file)->Read(found.name, box, bytes).ok();
        return Status::Ok();
      });
      _exit(ok && status.ok() ? 0 : 1);
    }
    int how = 0;
    waitpid(child, &how, 0);
    if (!WIFEXITED(how)) ++died;
    else if (WEXITSTATUS(how) == 1) ++refused;
    else cr_assert_eq(WEXITSTATUS(how), 0);
  }
  std::fprintf(stderr, "of 200 damaged files %d were refused, %d ended HDF5\n", refused, died);
  cr_assert_gt(refused, 0);
}
