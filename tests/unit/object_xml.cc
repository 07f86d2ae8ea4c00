// The XML of the object protocol: what servers send, as they send it and as they should not.
#include <criterion/criterion.h>

#include "store/object/xml.h"

using namespace tsnap;
using namespace tsnap::object;

Test(object_xml, an_error_is_read_with_or_without_a_namespace) {
  const ServiceError error = ParseError(AsBytes(
      "<?xml version=\"1.0\"?>\n<Error><Code>SlowDown</Code><Message>a &lt; b</Message><Region>eu-west-3</Region></Error>"));
  cr_assert_eq(error.code, "SlowDown");
  cr_assert_eq(error.message, "a < b");
  cr_assert_eq(error.region, "eu-west-3");
  cr_assert_eq(ParseError(AsBytes("<s3:Error xmlns:s3='x'><s3:Code>A</s3:Code></s3:Error>")).code, "A");
  for (const char* nonsense : {"", "<html><body>502</body></html>", "<Error><Code>A", "\0x"})
    cr_assert_eq(ParseError(AsBytes(nonsense)).code, "");
  cr_assert(IsError(AsBytes("<Error/>")));
  cr_assert(!IsError(AsBytes("<CompleteMultipartUploadResult><ETag>Error</ETag></CompleteMultipartUploadResult>")));
}

Test(object_xml, a_listing_gives_objects_prefixes_and_where_it_goes_on) {
  Result<ListPage> page = ParseList(AsBytes(
      "<ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><IsTruncated>true</IsTruncated>"
      "<NextContinuationToken>t 1</NextContinuationToken><EncodingType>url</EncodingType>"
      "<Contents><Key>a%20b/c%2Bd+e</Key><Size>9223372036854775807</Size><LastModified>2026-11-25T01:02:03.004Z</LastModified></Contents>"
      "<CommonPrefixes><Prefix>x/</Prefix></CommonPrefixes></ListBucketResult>"));
  cr_assert(page.ok());
  cr_assert_eq(page->next, "t 1");
  cr_assert_eq(page->objects.at(0).key, "a b/c+d e");
  cr_assert_eq(page->objects[0].bytes, 9223372036854775807u);
  cr_assert_eq(page->objects[0].modified_unix_seconds, 1795568523);
  cr_assert_eq(page->prefixes.at(0), "x/");
  // Without the encoding nothing is decoded.
  page = ParseList(AsBytes("<ListBucketResult><Contents><Key>a%20+</Key><Size>0</Size></Contents></ListBucketResult>"));
  cr_assert(page.ok() && page->objects.at(0).key == "a%20+" && page->next.empty());
}

Test(object_xml, a_listing_that_makes_no_sense_is_corrupt) {
  for (const char* nonsense :
       {"", "<html/>", "<Error><Code>A</Code></Error>", "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>99999999999999999999</Size></Contents></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",   // on to where?
        "<ListBucketResult><Contents>"})
    cr_assert(ParseList(AsBytes(nonsense)).status().code() == Code::kCorrupt, "%s", nonsense);
  for (const char* nonsense : {"", "<ListBucketResult/>", "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated></ListMultipartUploadsResult>"})
    cr_assert(ParseUploads(AsBytes(nonsense)).status().code() == Code::kCorrupt, "%s", nonsense);
  for (const char* nonsense : {"", "<InitiateMultipartUploadResult/>", "<a><UploadId>1</UploadId></a>"})
    cr_assert(ParseUploadId(AsBytes(nonsense)).status().code() == Code::kCorrupt, "%s", nonsense);
}

Test(object_xml, deep_and_large_texts_are_no_crash) {
  std::string deep;
  for (int i = 0; i < 200000; ++i) deep += "<a>";
  cr_assert(!ParseList(AsBytes(deep)).ok());
  // No entity is expanded.
  cr_assert(!ParseList(AsBytes("<!DOCTYPE a [<!ENTITY b \"bb\">]><a>&b;</a>")).ok());
}

Test(object_xml, what_we_write_is_escaped) {
  cr_assert_eq(DeletionXml({"a&b<c>\"\r"}), "<Delete><Quiet>true</Quiet><Object><Key>a&amp;b&lt;c&gt;&quot;&#13;</Key></Object></Delete>");
  cr_assert_eq(CompletionXml({{1, "\"e\"", "AAAA"}, {2, "f", ""}}),
               "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;e&quot;</ETag><ChecksumCRC32C>AAAA</ChecksumCRC32C></Part>"
               "<Part><PartNumber>2</PartNumber><ETag>f</ETag></Part></CompleteMultipartUpload>");
}

Test(object_xml, deletions_name_what_failed) {
  const Result<std::vector<FailedDelete>> failed = ParseDeletion(AsBytes(
      "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>InternalError</Code><Message>m</Message></Error></DeleteResult>"));
  cr_assert(failed.ok() && failed->size() == 1 && (*failed)[0].key == "b" && (*failed)[0].code == "InternalError");
}
