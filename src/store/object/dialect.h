// Dialect: what differs between services that speak S3's protocol (objects, multipart uploads,
// ranges, listings): the names of headers, and how a write is made conditional. Plain values.
#pragma once

#include <cstdint>
#include <string_view>

namespace tsnap::object {

enum class Precondition {
  kEntityTag,   // If-None-Match: *, If-Match: "<etag>"
  kGeneration,  // x-goog-if-generation-match: 0, or the generation
};

struct Dialect {
  std::string_view service;        // for messages
  std::string_view scheme;         // of our URLs: "s3"
  std::string_view copy_source;    // header of a copy within the server
  std::string_view range_of_copy;  // header of a copied part; "" = whole objects only
  // A body's CRC32C: the header, what stands before the Base64 text, and whether an upload in parts
  // announces it and repeats it when it is completed.
  std::string_view checksum_header, checksum_prefix;
  bool checksums_in_completion = false;
  Precondition precondition = Precondition::kEntityTag;
  std::string_view version_header;  // of answers: what a Version holds
  bool deletes_many = false;        // POST ?delete
};

inline constexpr Dialect kS3{
    .service = "S3",
    .scheme = "s3",
    .copy_source = "x-amz-copy-source",
    .range_of_copy = "x-amz-copy-source-range",
    .checksum_header = "x-amz-checksum-crc32c",
    .checksum_prefix = "",
    .checksums_in_completion = true,
    .precondition = Precondition::kEntityTag,
    .version_header = "etag",
    .deletes_many = true,
};

inline constexpr Dialect kGoogle{
    .service = "Google Cloud Storage",
    .scheme = "gs",
    .copy_source = "x-goog-copy-source",
    .range_of_copy = "",
    .checksum_header = "x-goog-hash",
    .checksum_prefix = "crc32c=",
    .checksums_in_completion = false,
    .precondition = Precondition::kGeneration,
    .version_header = "x-goog-generation",
    .deletes_many = true,
};

// "gs" in front of another service that speaks like S3, with HMAC keys: the names of headers follow
// the signature, since no service takes both kinds in one request.
constexpr Dialect GoogleLikeS3() {
  Dialect dialect = kS3;
  dialect.service = kGoogle.service;
  dialect.scheme = kGoogle.scheme;
  return dialect;
}

inline constexpr uint64_t kLeastPartBytes = uint64_t{5} << 20;  // all but the last, on both
inline constexpr uint64_t kMostPartBytes = uint64_t{5} << 30;   // also of one PUT or one copy
inline constexpr size_t kMostDeletes = 1000;                    // of one POST ?delete

}  // namespace tsnap::object
