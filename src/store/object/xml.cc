#include "store/object/xml.h"

#include <optional>

#include <fmt/format.h>
#include <pugixml.hpp>

#include "store/http/message.h"
#include "store/http/time_text.h"

namespace tsnap::object {

namespace {

// Some servers put a namespace prefix before the names.
std::string_view LocalName(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

pugi::xml_node Child(const pugi::xml_node& parent, std::string_view name) {
  for (const pugi::xml_node& child : parent.children()) {
    if (LocalName(child) == name) return child;
  }
  return {};
}

std::string Text(const pugi::xml_node& parent, std::string_view name) {
  return Child(parent, name).text().get();
}

// The document must outlive its nodes.
struct Document {
  pugi::xml_document text;
  pugi::xml_node root;
};

bool Load(ConstByteSpan xml, Document* document) {
  if (!document->text.load_buffer(xml.data(), xml.size())) return false;
  document->root = document->text.document_element();
  return static_cast<bool>(document->root);
}

Status Expect(ConstByteSpan xml, std::string_view root, Document* document) {
  if (Load(xml, document) && LocalName(document->root) == root) return Status::Ok();
  return Corrupt(fmt::format("the server's answer is not the <{}> that was asked for", root));
}

std::optional<uint64_t> Number(std::string_view text) {
  if (text.empty() || text.size() > 19) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  return value;
}

// 1970 where it is none.
int64_t TimeOf(const std::string& text) { return http::ParseUtcTime(text).value_or(0); }

std::string Escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\r':
        escaped += "&#13;";
        break;
      case '\n':
        escaped += "&#10;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

// How the names of a listing are written.
class Names {
 public:
  explicit Names(const pugi::xml_node& root) : encoded_(Text(root, "EncodingType") == "url") {}
  std::string Read(const pugi::xml_node& parent, std::string_view name) const {
    std::string text = Text(parent, name);
    if (!encoded_) return text;
    // Swift writes a space as "+"; a plus itself is always an escape.
    for (char& c : text) {
      if (c == '+') c = ' ';
    }
    return http::PercentDecode(text);
  }

 private:
  const bool encoded_;
};

}  // namespace

ServiceError ParseError(ConstByteSpan xml) {
  Document document;
  if (!Load(xml, &document) || LocalName(document.root) != "Error") return {};
  return {Text(document.root, "Code"), Text(document.root, "Message"),
          Text(document.root, "Region"), Text(document.root, "Endpoint")};
}

bool IsError(ConstByteSpan xml) {
  Document document;
  return Load(xml, &document) && LocalName(document.root) == "Error";
}

Result<ListPage> ParseList(ConstByteSpan xml) {
  Document document;
  TSNAP_TRY(Expect(xml, "ListBucketResult", &document));
  const Names names(document.root);
  ListPage page;
  for (const pugi::xml_node& child : document.root.children()) {
    if (LocalName(child) == "Contents") {
      const std::optional<uint64_t> bytes = Number(Text(child, "Size"));
      if (!bytes) return Corrupt("the server's listing names an object without a size");
      page.objects.push_back(
          {names.Read(child, "Key"), *bytes, TimeOf(Text(child, "LastModified"))});
    } else if (LocalName(child) == "CommonPrefixes") {
      page.prefixes.push_back(names.Read(child, "Prefix"));
    }
  }
  if (Text(document.root, "IsTruncated") == "true") {
    page.next = Text(document.root, "NextContinuationToken");
    if (page.next.empty()) return Corrupt("the server's listing goes on, but does not say where");
  }
  return page;
}

Result<UploadsPage> ParseUploads(ConstByteSpan xml) {
  Document document;
  TSNAP_TRY(Expect(xml, "ListMultipartUploadsResult", &document));
  const Names names(document.root);
  UploadsPage page;
  for (const pugi::xml_node& child : document.root.children()) {
    if (LocalName(child) != "Upload") continue;
    page.uploads.push_back(
        {names.Read(child, "Key"), Text(child, "UploadId"), TimeOf(Text(child, "Initiated"))});
  }
  page.more = Text(document.root, "IsTruncated") == "true";
  page.next_key = names.Read(document.root, "NextKeyMarker");
  page.next_upload_id = Text(document.root, "NextUploadIdMarker");
  if (page.more && page.next_key.empty())
    return Corrupt("the server's listing of uploads goes on, but does not say where");
  return page;
}

Result<std::string> ParseUploadId(ConstByteSpan xml) {
  Document document;
  TSNAP_TRY(Expect(xml, "InitiateMultipartUploadResult", &document));
  std::string id = Text(document.root, "UploadId");
  if (id.empty()) return Corrupt("the server began an upload, but does not name it");
  return id;
}

Result<std::string> ParseCopyTag(ConstByteSpan xml) {
  Document document;
  const bool loaded = Load(xml, &document);
  const std::string_view root = loaded ? LocalName(document.root) : "";
  std::string tag = loaded ? Text(document.root, "ETag") : "";
  if ((root != "CopyObjectResult" && root != "CopyPartResult") || tag.empty())
    return Corrupt("the server's answer to a copy makes no sense");
  return tag;
}

bool IsCompletion(ConstByteSpan xml) {
  Document document;
  return Load(xml, &document) && LocalName(document.root) == "CompleteMultipartUploadResult";
}

std::string CompletionXml(const std::vector<UploadedPart>& parts) {
  std::string xml = "<CompleteMultipartUpload>";
  for (const UploadedPart& part : parts) {
    xml += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag>", part.number,
                       Escape(part.tag));
    if (!part.checksum.empty())
      xml += fmt::format("<ChecksumCRC32C>{}</ChecksumCRC32C>", part.checksum);
    xml += "</Part>";
  }
  return xml + "</CompleteMultipartUpload>";
}

std::string DeletionXml(const std::vector<std::string>& keys) {
  std::string xml = "<Delete><Quiet>true</Quiet>";
  for (const std::string& key : keys)
    xml += fmt::format("<Object><Key>{}</Key></Object>", Escape(key));
  return xml + "</Delete>";
}

Result<std::vector<FailedDelete>> ParseDeletion(ConstByteSpan xml) {
  Document document;
  TSNAP_TRY(Expect(xml, "DeleteResult", &document));
  std::vector<FailedDelete> failed;
  for (const pugi::xml_node& child : document.root.children()) {
    if (LocalName(child) != "Error") continue;
    failed.push_back({Text(child, "Key"), Text(child, "Code"), Text(child, "Message")});
  }
  return failed;
}

}  // namespace tsnap::object
