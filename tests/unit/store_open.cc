// Where a URL leads, and what is said when it leads nowhere.
#include <criterion/criterion.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "store/store.h"

using namespace tsnap;

namespace {

Result<std::unique_ptr<Store>> Open(std::string_view url) { return OpenStore(url, Knobs(), false); }

std::string UrlOf(std::string_view url) {
  const Result<std::unique_ptr<Store>> store = Open(url);
  cr_assert(store.ok(), "%s", store.status().ToString().c_str());
  return (*store)->url();
}

void ExpectRefused(std::string_view url, Code code, const std::string& text) {
  const Result<std::unique_ptr<Store>> store = Open(url);
  cr_assert(store.status().code() == code, "%s: %s", std::string(url).c_str(), store.status().ToString().c_str());
  cr_assert(store.status().message().find(text) != std::string::npos, "%s", store.status().message().c_str());
  cr_assert(store.status().message().find('\n') == std::string::npos);
}

}  // namespace

Test(store_open, a_plain_path_and_fs_lead_to_a_folder) {
  cr_assert_eq(UrlOf("/scratch/run"), "/scratch/run");
  cr_assert_eq(UrlOf("fs:///scratch/run"), "/scratch/run");
  cr_assert_eq(UrlOf("run/step-10"), "run/step-10");
  cr_assert_eq(UrlOf("fs://run/step-10"), "run/step-10");
  cr_assert_eq(UrlOf("a b:c%41"), "a b:c%41");
  cr_assert_eq(UrlOf("/odd/s3://name"), "/odd/s3://name");   // a scheme has no slash before it
  cr_assert_eq(UrlOf("data.h5.d"), "data.h5.d");
  cr_assert((*Open("/scratch/run"))->traits().shared_by_ranks);
}

Test(store_open, mem_leads_to_memory_by_name) {
  cr_assert_eq(UrlOf("mem://x"), "mem://x");
  Result<std::unique_ptr<Store>> first = Open("mem://x"), again = Open("mem://x/"), other = Open("mem://y");
  cr_assert(first.ok() && again.ok() && other.ok());
  cr_assert((*first)->Put("a", AsBytes("1"), false).ok());
  cr_assert((*again)->Stat("a").ok());
  cr_assert((*other)->Stat("a").status().code() == Code::kNotFound);
  cr_assert(!(*first)->traits().shared_by_ranks);
}

Test(store_open, slashes_at_the_end_mean_nothing) {
  cr_assert_eq(UrlOf("/scratch/run/"), "/scratch/run");
  cr_assert_eq(UrlOf("fs://run///"), "run");
  cr_assert_eq(UrlOf("mem://x//"), "mem://x");
  cr_assert_eq(UrlOf("/"), "/");
  cr_assert_eq(UrlOf("///"), "/");
}

Test(store_open, what_is_not_built_in_is_unsupported_and_says_what_to_use) {
#if !TSNAP_HAS_OBJECT_STORES
  ExpectRefused("s3://bucket/run", Code::kUnsupported, "S3");
  ExpectRefused("gs://bucket/run", Code::kUnsupported, "Google");
  ExpectRefused("gcs://bucket/run", Code::kUnsupported, "Google");
#endif
  // One file is no store: whoever opens places knows of both.
  ExpectRefused("hdf5:///scratch/run.h5", Code::kInvalid, "hdf5");
}

#if TSNAP_HAS_OBJECT_STORES
Test(store_open, a_place_in_a_bucket_is_opened_without_asking_anybody) {
  setenv("AWS_ACCESS_KEY_ID", "access", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
  setenv("TSNAP_GCS_ANONYMOUS", "1", 1);
  for (const std::string url : {"s3://bucket/run/a b", "s3://bucket", "gs://bucket/run", "gcs://bucket/run"}) {
    const Result<std::unique_ptr<Store>> store = OpenStore(url, Knobs(), true);
    cr_assert(store.ok(), "%s: %s", url.c_str(), store.status().ToString().c_str());
    const StoreTraits& traits = (*store)->traits();
    cr_assert(traits.whole_objects() && traits.shared_by_ranks && traits.wants_checksums && traits.hashed_slab_names);
    cr_assert_eq(traits.slab_bytes, 64u << 20);
    cr_assert_eq((*store)->counters().requests.load(), 0u);
  }
  ExpectRefused("s3://B/run", Code::kInvalid, "name of a bucket");
  ExpectRefused("gs://bucket/../run", Code::kInvalid, "prefix");
}
#endif

Test(store_open, a_malformed_url_is_invalid) {
  ExpectRefused("", Code::kInvalid, "names no place");
  ExpectRefused("fs://", Code::kInvalid, "fs://");
  ExpectRefused("mem://", Code::kInvalid, "mem://");
  ExpectRefused("s3://", Code::kInvalid, "s3://");
  ExpectRefused("ftp://host/run", Code::kInvalid, "ftp");
  ExpectRefused("S3://bucket", Code::kInvalid, "S3");
  ExpectRefused("://run", Code::kInvalid, "://run");
  ExpectRefused(std::string_view("/scratch/\0run", 13), Code::kInvalid, "NUL");
}

Test(store_open, opening_makes_the_place_only_when_asked_to) {
  const std::string folder = std::filesystem::temp_directory_path() / ("tsnap-open-" + std::to_string(::getpid()));
  cr_assert(OpenStore(folder + "/a/b", Knobs(), false).ok());
  cr_assert(!std::filesystem::exists(folder));
  cr_assert(OpenStore(folder + "/a/b/", Knobs(), true).ok());
  cr_assert(std::filesystem::is_directory(folder + "/a/b"));
  std::filesystem::remove_all(folder);
}
