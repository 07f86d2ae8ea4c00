// Digests and signatures against published vectors and the openssl command.
#include <criterion/criterion.h>

#include <string>
#include <vector>

#include "store/http/crypto.h"

using namespace tsnap;
using namespace tsnap::http;

namespace {

// Keys made for these tests alone; they open nothing.
constexpr const char* kPkcs1Key =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIICXQIBAAKBgQDFyIuuqcU6c0jP4d5Kf487KrGfs6o1dM9BjmLt5ZTKDw6NWf/l\n"
    "UxN9kUicd4Wc8HHuYcAgV5mjxMZifpg4DMoDsZE2u9cOJzrLUUUUyYOds6fGxXY1\n"
    "EFO/OpbduSR/k2IExIB985AhQqal8Q3r8CYeoSuf/4GuMoUL/D0WkJOcqQIDAQAB\n"
    "AoGAX3+B0ogurxZTJe0NhDMrWYo30cDSgpUwLZsusWeU/Ctg/2dhY71FP/ASe1pK\n"
    "rYh7unqAZh1mFelBUPWHUij6sQxqKlCa9HBKStjiguchDcjg3hygqKmEKe7L+4Is\n"
    "4AY58uN8WIhwKQC+j4D22hgB05vyVanaSyUeTxrAUmnbM3ECQQDp3er88RVqPn4q\n"
    "vcpKTAFDGn7vqOeXDxEzTsPCrZ/eoIezPG19IvUF/U20Okin1e0VV2R6kina7x00\n"
    "9dOvJArTAkEA2IBnZB5FBFE4k4GIWyLcZlZG2i413ZwnQecI/RhVHY3M8+Ohn4zo\n"
    "A8axdT5WHPOVEjyc45bHGwdBcx1Yer6VEwJBAIRrN0cJasrBn8aruALhjkVkl0M0\n"
    "LA2IZoDatFVi4ga4dp2yNXyJcpt1la3a4pDFvHw9A5OzdyeUBMGb/8RHcCkCQCKz\n"
    "Md8SGu2+Ntstf7VbuQeN/H0ruuZyCLi/Vul55Op/t8G/UkBITUeNqROpkhPB1rq9\n"
    "jEfN+suSNiNFKNFDipECQQCbfkusRFEQD5b9OcV6rDBTbbPkF8Hkr7nPy64c/NSh\n"
    "Y9cfIiLgeErUHdVI3ICBA5rIL3YIF0vImzPFfkiHcGNw\n"
    "-----END RSA PRIVATE KEY-----\n";
constexpr const char* kPkcs8Key =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAMXIi66pxTpzSM/h\n"
    "3kp/jzsqsZ+zqjV0z0GOYu3llMoPDo1Z/+VTE32RSJx3hZzwce5hwCBXmaPExmJ+\n"
    "mDgMygOxkTa71w4nOstRRRTJg52zp8bFdjUQU786lt25JH+TYgTEgH3zkCFCpqXx\n"
    "DevwJh6hK5//ga4yhQv8PRaQk5ypAgMBAAECgYBff4HSiC6vFlMl7Q2EMytZijfR\n"
    "wNKClTAtmy6xZ5T8K2D/Z2FjvUU/8BJ7WkqtiHu6eoBmHWYV6UFQ9YdSKPqxDGoq\n"
    "UJr0cEpK2OKC5yENyODeHKCoqYQp7sv7gizgBjny43xYiHApAL6PgPbaGAHTm/JV\n"
    "qdpLJR5PGsBSadszcQJBAOnd6vzxFWo+fiq9ykpMAUMafu+o55cPETNOw8Ktn96g\n"
    "h7M8bX0i9QX9TbQ6SKfV7RVXZHqSKdrvHTT1068kCtMCQQDYgGdkHkUEUTiTgYhb\n"
    "ItxmVkbaLjXdnCdB5wj9GFUdjczz46GfjOgDxrF1PlYc85USPJzjlscbB0FzHVh6\n"
    "vpUTAkEAhGs3RwlqysGfxqu4AuGORWSXQzQsDYhmgNq0VWLiBrh2nbI1fIlym3WV\n"
    "rdrikMW8fD0Dk7N3J5QEwZv/xEdwKQJAIrMx3xIa7b422y1/tVu5B438fSu65nII\n"
    "uL9W6Xnk6n+3wb9SQEhNR42pE6mSE8HWur2MR836y5I2I0Uo0UOKkQJBAJt+S6xE\n"
    "URAPlv05xXqsMFNts+QXweSvuc/Lrhz81KFj1x8iIuB4StQd1UjcgIEDmsgvdggX\n"
    "S8ibM8V+SIdwY3A=\n"
    "-----END PRIVATE KEY-----\n";
constexpr const char* kLockedKey =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIIC3TBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQwwHAQI1xVwvOA6y8ICAggA\n"
    "MAwGCCqGSIb3DQIJBQAwHQYJYIZIAWUDBAEqBBBQR1w6RkjP+yIk1NVvIJ1IBIIC\n"
    "gGJgNygexbxGhcjGP18xlnczcwofG79Ftij4N2pO2iMJ34tne5q/16MCaMb1g5GS\n"
    "xds9soKHFqwx/UR2/3Q/Dyfh5zsu4EPn0R8KBETEzv+s9NmXFiXzyG+V7oiKCFyY\n"
    "EzG7W4VI0jNV9R9QFJ2hidVTa3XeDGg1dE1EdyWstNsj3+/P8qeAwndUKFSj7cJA\n"
    "8EJ65/JqgyKnQ1qlPiSanJzVLtEUgReJSK9Oos+xGw0fWynrbNsTD/KA8hbs2/lK\n"
    "iA/uC//G1wEzCTC34Lymr1Ad05u1vFB8ws+1UsqAzWH9+guWfHDV154z/FFLBmpk\n"
    "bBRcHLwBw2/JTT+hQle5YHw8TsrdKn3+ziMXplDnYabVOoEyZDAp8ST1OSiiAW1Y\n"
    "vFbM0uyrdXEnN/Rdl7phaeigK7Y+5PSfQaDGxuUoBHpUP8b9X6CR6gXmqHlOVWFK\n"
    "dUFHYemVW5COXIbqn1u0dB1J0fADuwcKcv3hhxyX7k0sV6YbnbeAyzAjo88QIqvd\n"
    "dT+P9KcEAzQxoegXYlA1MUr2Jv3qsGTX2mZpwCWDVtBpKrHLyXSOWeVg6XErXeeM\n"
    "+z73YfyPHEWLrXJCfT5qhBS+nq3G5PJbsvf5Jizl6AREZeeplfEyhjuDl1ArE7Vg\n"
    "W+NY4DVGTMf0O9IJXk1mB2V4rMxOuC3OHSsbGYXsq8ImjczajACycEE8ygPFRA09\n"
    "cpMNugebBbray9Qic3czpxaD2KazH1xPPd775OYdy+FeEL7eHABkunWa/pgJt+ar\n"
    "ZqdlS3p1OFMZR2itGMHRsxATwhFdphOHB8cY1fGfbXMBqIc0cAzEeAv20ocfS3K/\n"
    "SfQJTTvvEq9msE92tbbFJLA=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";
constexpr const char* kCurveKey =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEIJF0moiY2UdnHr0m+ttANyV/wfqCXWtU9q6F4skNIaPooAoGCCqGSM49\n"
    "AwEHoUQDQgAE0YVs1SSzO9m9PqNWGDTbWYG5fz1MSHTNIk15Z9u7BxvGZvbBDDcM\n"
    "V5bqwjEz5+ImPDxHospEnJc7ZD0ZB/WbOw==\n"
    "-----END EC PRIVATE KEY-----\n";
// printf 'a message' | openssl dgst -sha256 -sign key.pem | base64
constexpr const char* kSignature =
    "YSZRBGZAVi5noQZjh21i+BLYfog1rzdq2Zaoga6lDdU6o9NRZLtvVrbLbX9hgCKKXnXrBhlKzQdlBr8f9iJDAvbPEoU5WST7ybAA"
    "KR5CgYeVjr8oEhyadfG8/FVWLxc2iazBGHs7sn5O5nbmKRnCsrR0CMHJEXF4Qp3h7Iglffw=";

std::string Sha256Of(const std::vector<ConstByteSpan>& parts) {
  const Result<Sha256Digest> digest = Sha256(parts);
  cr_assert(digest.ok(), "%s", digest.status().ToString().c_str());
  return Hex(*digest);
}

std::string HmacOf(const std::string& key, const std::string& message) {
  const Result<Sha256Digest> digest = HmacSha256(AsBytes(key), AsBytes(message));
  cr_assert(digest.ok(), "%s", digest.status().ToString().c_str());
  return Hex(*digest);
}

}  // namespace

// FIPS 180-4 examples.
Test(http_crypto, sha256_is_that_of_the_standard) {
  cr_assert_eq(Sha256Of({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  cr_assert_eq(Sha256Of({AsBytes("abc")}), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  cr_assert_eq(Sha256Of({AsBytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")}),
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

Test(http_crypto, sha256_of_parts_is_that_of_the_whole) {
  cr_assert_eq(Sha256Of({AsBytes("a"), {}, AsBytes("bc"), {}}), Sha256Of({AsBytes("abc")}));
}

// RFC 4231, cases 1, 2 and 6.
Test(http_crypto, hmac_is_that_of_rfc_4231) {
  cr_assert_eq(HmacOf(std::string(20, '\x0b'), "Hi There"),
               "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  cr_assert_eq(HmacOf("Jefe", "what do ya want for nothing?"),
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  cr_assert_eq(HmacOf(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

Test(http_crypto, an_empty_key_is_a_key) {
  HmacOf("another", "first");
  cr_assert_eq(HmacOf("", ""), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

// RFC 1321.
Test(http_crypto, md5_is_that_of_rfc_1321) {
  const auto digest = Md5(AsBytes("message digest"));
  cr_assert(digest.ok(), "%s", digest.status().ToString().c_str());
  cr_assert_eq(Hex(*digest), "f96b697d7cb7938d525a2f31aaf161d0");
}

// RFC 4648, section 10.
Test(http_crypto, base64_is_that_of_rfc_4648) {
  const std::vector<std::pair<std::string, std::string>> cases{{"", ""},         {"f", "Zg=="},         {"fo", "Zm8="},
                                                               {"foo", "Zm9v"},  {"foob", "Zm9vYg=="},  {"fooba", "Zm9vYmE="},
                                                               {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : cases) {
    cr_assert_eq(Base64(AsBytes(plain)), encoded);
    const Result<Bytes> decoded = DecodeBase64(encoded);
    cr_assert(decoded.ok(), "%s", decoded.status().ToString().c_str());
    cr_assert_eq(AsText(*decoded), plain);
  }
}

Test(http_crypto, base64_of_large_data_is_one_text) {
  Bytes bytes((size_t{7} << 20) + 1);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 31 >> 3);
  const std::string text = Base64(bytes);
  cr_assert_eq(text.size(), (bytes.size() + 2) / 3 * 4);
  const Result<Bytes> decoded = DecodeBase64(text);
  cr_assert(decoded.ok() && *decoded == bytes);
}

Test(http_crypto, base64_for_urls_has_its_own_letters_and_no_padding) {
  cr_assert_eq(Base64Url(AsBytes("\xfb\xff\xfe?")), "-__-Pw");
  cr_assert_eq(Base64(AsBytes("\xfb\xff\xfe?")), "+//+Pw==");
}

Test(http_crypto, what_is_not_base64_is_invalid) {
  for (const char* text : {"A", "AA", "AAA", "AA=A", "=AAA", "A===", "====", "AAAA\n", "AA A", "A-_A", "AAAA====", " AAA"}) {
    const Result<Bytes> decoded = DecodeBase64(text);
    cr_assert(decoded.status().code() == Code::kInvalid, "\"%s\"", text);
  }
}

Test(http_crypto, rs256_signs_as_openssl_does_with_both_kinds_of_pem) {
  for (const char* key : {kPkcs1Key, kPkcs8Key}) {
    const Result<Bytes> signature = SignRs256(key, AsBytes("a message"));
    cr_assert(signature.ok(), "%s", signature.status().ToString().c_str());
    cr_assert_eq(Base64(*signature), kSignature);
  }
}

Test(http_crypto, a_text_that_is_no_rsa_key_is_invalid_and_never_repeated, .timeout = 10) {
  std::string broken = kPkcs8Key;
  broken[100] = broken[100] == 'A' ? 'B' : 'A';
  broken.erase(200, 40);
  for (const std::string& key : {std::string(), std::string("a-secret"), broken, std::string(kLockedKey), std::string(kCurveKey)}) {
    const Result<Bytes> signature = SignRs256(key, AsBytes("a message"));
    cr_assert(signature.status().code() == Code::kInvalid, "%s", signature.status().ToString().c_str());
    cr_assert(signature.status().message().find("PEM") != std::string::npos);
    cr_assert(signature.status().message().find("a-secret") == std::string::npos);
  }
}
