#include "store/http/crypto.h"

#include <climits>
#include <memory>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "store/http/freer.h"

namespace tsnap::http {

namespace {

using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using MemoryBio = std::unique_ptr<BIO, Freer<BIO_free>>;

const unsigned char* Data(ConstByteSpan bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
template <class Container>
unsigned char* Data(Container& bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

// OpenSSL keeps its failures in a queue of the thread, where the application's own calls would find
// ours.
Status Failed(std::string what) {
  ERR_clear_error();
  return Internal(std::move(what) +
                  ": OpenSSL has failed; check the OpenSSL configuration of this machine");
}

template <size_t N>
Result<std::array<std::byte, N>> Digest(const EVP_MD* kind, const char* name,
                                        std::span<const ConstByteSpan> parts) {
  const DigestContext context(EVP_MD_CTX_new());
  if (context == nullptr) return Status::NoMemory();
  if (EVP_DigestInit_ex(context.get(), kind, nullptr) != 1) {
    // MD5 is not there where only approved algorithms are (FIPS).
    ERR_clear_error();
    return Unsupported(std::string(name) + " is not available in the OpenSSL of this machine");
  }
  for (const ConstByteSpan part : parts) {
    if (EVP_DigestUpdate(context.get(), part.data(), part.size()) != 1)
      return Failed(std::string("computing ") + name);
  }
  std::array<std::byte, N> digest;
  unsigned int bytes = 0;
  static_assert(N >= 16);
  if (EVP_DigestFinal_ex(context.get(), Data(digest), &bytes) != 1 || bytes != N)
    return Failed(std::string("computing ") + name);
  return digest;
}

// A key that is locked with a pass phrase is refused; without this OpenSSL asks on the terminal.
int RefusePassPhrase(char*, int, int, void*) { return -1; }

Result<PrivateKey> ParseRsaKey(std::string_view pem) {
  const Status unreadable =
      Invalid("the private key is no RSA key in PEM without a pass phrase; fetch a new key file");
  if (pem.size() > INT_MAX) return unreadable;
  const MemoryBio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (bio == nullptr) return Status::NoMemory();
  PrivateKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, RefusePassPhrase, nullptr));
  ERR_clear_error();
  if (key == nullptr || EVP_PKEY_base_id(key.get()) != EVP_PKEY_RSA) return unreadable;
  return key;
}

}  // namespace

Result<Sha256Digest> Sha256(std::span<const ConstByteSpan> parts) {
  return Digest<32>(EVP_sha256(), "SHA-256", parts);
}

Result<Sha256Digest> HmacSha256(ConstByteSpan key, ConstByteSpan message) {
  Sha256Digest digest;
  unsigned int bytes = 0;
  if (key.size() > INT_MAX) return Invalid("computing HMAC-SHA256: the key is too long");
  // A null key means "the one of before" to OpenSSL.
  const void* key_data = key.empty() ? static_cast<const void*>("") : key.data();
  if (HMAC(EVP_sha256(), key_data, static_cast<int>(key.size()), Data(message), message.size(),
           Data(digest), &bytes) == nullptr ||
      bytes != digest.size())
    return Failed("computing HMAC-SHA256");
  return digest;
}

Result<std::array<std::byte, 16>> Md5(ConstByteSpan bytes) {
  return Digest<16>(EVP_md5(), "MD5", std::span(&bytes, 1));
}

std::string Hex(ConstByteSpan bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

std::string Base64(ConstByteSpan bytes) {
  // In steps of whole groups, since OpenSSL counts with an int.
  constexpr size_t kStepBytes = size_t{3} << 20;
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL ends it with a zero
  size_t at = 0;
  for (size_t done = 0; done < bytes.size(); done += kStepBytes) {
    const ConstByteSpan step = bytes.subspan(done, std::min(kStepBytes, bytes.size() - done));
    at += static_cast<size_t>(
        EVP_EncodeBlock(Data(text) + at, Data(step), static_cast<int>(step.size())));
  }
  text.resize(at);
  return text;
}

std::string Base64Url(ConstByteSpan bytes) {
  std::string text = Base64(bytes);
  while (!text.empty() && text.back() == '=') text.pop_back();
  for (char& c : text) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return text;
}

Result<Bytes> DecodeBase64(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  // OpenSSL itself lets white space pass and padding in the middle.
  if (text.size() % 4 != 0 || text.size() > INT_MAX ||
      text.substr(0, text.size() - padding).find_first_not_of(kAlphabet) != std::string_view::npos)
    return Invalid("decoding base64: the text is not base64");
  Bytes bytes(text.size() / 4 * 3);
  if (text.empty()) return bytes;
  if (EVP_DecodeBlock(Data(bytes), reinterpret_cast<const unsigned char*>(text.data()),
                      static_cast<int>(text.size())) < 0)
    return Failed("decoding base64");
  bytes.resize(bytes.size() - padding);
  return bytes;
}

Result<Bytes> SignRs256(std::string_view private_key_pem, ConstByteSpan message) {
  TSNAP_ASSIGN(const PrivateKey key, ParseRsaKey(private_key_pem));
  const DigestContext context(EVP_MD_CTX_new());
  if (context == nullptr) return Status::NoMemory();
  size_t bytes = 0;
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &bytes, Data(message), message.size()) != 1)
    return Failed("signing with RSA");
  Bytes signature(bytes);
  if (EVP_DigestSign(context.get(), Data(signature), &bytes, Data(message), message.size()) != 1)
    return Failed("signing with RSA");
  signature.resize(bytes);
  return signature;
}

}  // namespace tsnap::http
