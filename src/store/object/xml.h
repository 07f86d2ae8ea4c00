// The XML that S3's protocol speaks: answers are read, bodies of requests are written. What comes
// from outside is checked; a text that makes no sense is kCorrupt.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"

namespace tsnap::object {

// What the server says went wrong; code is empty where the body is no such text.
struct ServiceError {
  std::string code, message, region, endpoint;
};
ServiceError ParseError(ConstByteSpan xml);
// True for a text whose root is <Error>, which some answers of status 200 are.
bool IsError(ConstByteSpan xml);

struct ListedObject {
  std::string key;
  uint64_t bytes = 0;
  int64_t modified_unix_seconds = 0;
};
struct ListPage {
  std::vector<ListedObject> objects;
  std::vector<std::string> prefixes;
  std::string next;  // the continuation token; "" = this was the last page
};
// Keys are decoded where the answer says that they are encoded.
Result<ListPage> ParseList(ConstByteSpan xml);

struct ListedUpload {
  std::string key, upload_id;
  int64_t initiated_unix_seconds = 0;
};
struct UploadsPage {
  std::vector<ListedUpload> uploads;
  bool more = false;
  std::string next_key, next_upload_id;
};
Result<UploadsPage> ParseUploads(ConstByteSpan xml);

Result<std::string> ParseUploadId(ConstByteSpan xml);  // of InitiateMultipartUploadResult
Result<std::string> ParseCopyTag(ConstByteSpan xml);   // of CopyObjectResult, CopyPartResult
bool IsCompletion(ConstByteSpan xml);                  // CompleteMultipartUploadResult

struct UploadedPart {
  uint64_t number = 0;
  std::string tag;       // as the server gave it
  std::string checksum;  // Base64; "" = none
};
std::string CompletionXml(const std::vector<UploadedPart>& parts);

std::string DeletionXml(const std::vector<std::string>& keys);  // whole keys
struct FailedDelete {
  std::string key, code, message;
};
Result<std::vector<FailedDelete>> ParseDeletion(ConstByteSpan xml);

}  // namespace tsnap::object
