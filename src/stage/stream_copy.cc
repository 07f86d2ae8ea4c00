#include "stage/stream_copy.h"

#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace tsnap {

#ifdef __SSE2__

void StreamCopy(std::byte* dst, const std::byte* src, size_t bytes) noexcept {
  constexpr size_t kLineBytes = 64;
  const size_t head = -reinterpret_cast<uintptr_t>(dst) % kLineBytes;
  if (bytes < head + kLineBytes) {
    std::memcpy(dst, src, bytes);
    return;
  }
  std::memcpy(dst, src, head);
  size_t done = head;
  for (; bytes - done >= kLineBytes; done += kLineBytes) {
    const auto* from = reinterpret_cast<const __m128i*>(src + done);
    auto* to = reinterpret_cast<__m128i*>(dst + done);
    const __m128i a = _mm_loadu_si128(from), b = _mm_loadu_si128(from + 1),
                  c = _mm_loadu_si128(from + 2), d = _mm_loadu_si128(from + 3);
    _mm_stream_si128(to, a);
    _mm_stream_si128(to + 1, b);
    _mm_stream_si128(to + 2, c);
    _mm_stream_si128(to + 3, d);
  }
  _mm_sfence();  // streamed stores are ordered by nothing else, not even a mutex
  std::memcpy(dst + done, src + done, bytes - done);
}

#else

void StreamCopy(std::byte* dst, const std::byte* src, size_t bytes) noexcept {
  std::memcpy(dst, src, bytes);
}

#endif

}  // namespace tsnap
