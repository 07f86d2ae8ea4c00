// What signing and checksums need of OpenSSL, on plain bytes. The only place that knows OpenSSL.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"

namespace tsnap::http {

using Sha256Digest = std::array<std::byte, 32>;

Result<Sha256Digest> Sha256(std::span<const ConstByteSpan> parts);
Result<Sha256Digest> HmacSha256(ConstByteSpan key, ConstByteSpan message);
Result<std::array<std::byte, 16>> Md5(ConstByteSpan bytes);  // Content-MD5 only
std::string Hex(ConstByteSpan bytes);                        // lower case
std::string Base64(ConstByteSpan bytes);
std::string Base64Url(ConstByteSpan bytes);  // without padding, as JSON Web Tokens want it
Result<Bytes> DecodeBase64(std::string_view text);
// RS256 with a private key in PEM (PKCS #8 or PKCS #1); kInvalid for a text that is no such key.
Result<Bytes> SignRs256(std::string_view private_key_pem, ConstByteSpan message);

}  // namespace tsnap::http
