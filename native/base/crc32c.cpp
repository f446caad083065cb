// Three ways, the first one that the processor has:
// - carry-less multiplication of 64 bytes at a time (AVX-512, VPCLMULQDQ): the message is folded onto its own end until 64
//   bytes are left, which have the same remainder;
// - the CRC instruction, which has a latency of three cycles and a throughput of one: three independent streams keep it
//   busy. They are joined with a table-free multiplication by x^n mod P;
// - a slicing-by-8 table, so that a build for any x86-64 or ARM machine runs.
#include "base/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tickforge {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78;

constexpr std::array<std::array<std::uint32_t, 256>, 8> make_tables() {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][i] = crc;
  }
  for (std::uint32_t i = 0; i < 256; ++i) {
    for (std::size_t t = 1; t < 8; ++t) tables[t][i] = (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 0xFF];
  }
  return tables;
}
constexpr auto kTables = make_tables();

std::uint32_t update_portable(std::uint32_t crc, const std::uint8_t* bytes, std::size_t length) {
  for (; length >= 8; bytes += 8, length -= 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes, 8);
    word ^= crc;
    crc = 0;
    for (std::size_t i = 0; i < 8; ++i) crc ^= kTables[7 - i][(word >> (8 * i)) & 0xFF];
  }
  for (; length > 0; ++bytes, --length) crc = (crc >> 8) ^ kTables[0][(crc ^ *bytes) & 0xFF];
  return crc;
}

#if defined(__x86_64__)

/// a * b mod P in the reflected ring where the highest bit is x^0.
constexpr std::uint32_t multiply(std::uint32_t a, std::uint32_t b) {
  std::uint32_t product = 0;
  for (std::uint32_t mask = 0x80000000; mask != 0; mask >>= 1) {
    if ((a & mask) != 0) product ^= b;
    b = (b >> 1) ^ ((b & 1) != 0 ? kPolynomial : 0);
  }
  return product;
}

/// x^n mod P.
constexpr std::uint32_t power_of_x(std::size_t n) {
  std::uint32_t result = 0x80000000;  // x^0
  std::uint32_t power = 0x40000000;   // x^1
  for (; n != 0; n >>= 1) {
    if ((n & 1) != 0) result = multiply(result, power);
    power = multiply(power, power);
  }
  return result;
}

/// What a CRC is multiplied by when `bytes` zero bytes follow.
constexpr std::uint32_t shift_by(std::size_t bytes) { return power_of_x(8 * bytes); }

constexpr std::size_t kLane = 1344;  // three lanes of it fit a 4 KiB page
constexpr std::uint32_t kShiftOne = shift_by(kLane);
constexpr std::uint32_t kShiftTwo = shift_by(2 * kLane);

__attribute__((target("sse4.2,crc32"))) std::uint32_t update_sse42(std::uint32_t crc, const std::uint8_t* bytes,
                                                             std::size_t length) {
  const auto word = [](const std::uint8_t* at) {
    std::uint64_t value;
    std::memcpy(&value, at, 8);
    return value;
  };
  for (; length >= 3 * kLane; bytes += 3 * kLane, length -= 3 * kLane) {
    std::uint64_t a = crc;
    std::uint64_t b = 0;
    std::uint64_t c = 0;
    for (std::size_t i = 0; i < kLane; i += 8) {
      a = _mm_crc32_u64(a, word(bytes + i));
      b = _mm_crc32_u64(b, word(bytes + kLane + i));
      c = _mm_crc32_u64(c, word(bytes + 2 * kLane + i));
    }
    crc = multiply(static_cast<std::uint32_t>(a), kShiftTwo) ^ multiply(static_cast<std::uint32_t>(b), kShiftOne) ^
          static_cast<std::uint32_t>(c);
  }
  std::uint64_t wide = crc;
  for (; length >= 8; bytes += 8, length -= 8) wide = _mm_crc32_u64(wide, word(bytes));
  crc = static_cast<std::uint32_t>(wide);
  for (; length > 0; ++bytes, --length) crc = _mm_crc32_u8(crc, *bytes);
  return crc;
}

// Sixteen bytes as a polynomial: the first eight are its upper half. Moved `bytes` towards the end of the message, they
// are worth first * x^(8 * bytes + 64) + second * x^(8 * bytes). A product of two reflected halves comes out multiplied by
// x once more, hence the - 1; a remainder of 32 bits stands in the upper half of a reflected 64-bit word.
constexpr long long fold_first(std::size_t bytes) {
  return static_cast<long long>(std::uint64_t{power_of_x(8 * bytes + 63)} << 32);
}
constexpr long long fold_second(std::size_t bytes) {
  return static_cast<long long>(std::uint64_t{power_of_x(8 * bytes - 1)} << 32);
}

#define TF_TARGET_FOLD __attribute__((target("avx512f,avx512vl,vpclmulqdq,pclmul,sse4.2,crc32")))

/// `folded`, moved by the distance that `by` stands for, joined with `onto`.
TF_TARGET_FOLD inline __m512i fold(__m512i folded, __m512i by, __m512i onto) {
  const __m512i first = _mm512_clmulepi64_epi128(folded, by, 0x00);
  const __m512i second = _mm512_clmulepi64_epi128(folded, by, 0x11);
  constexpr int kXorOfThree = 0x96;
  return _mm512_ternarylogic_epi64(first, second, onto, kXorOfThree);
}

TF_TARGET_FOLD inline __m512i distance(long long first, long long second) {
  return _mm512_set_epi64(second, first, second, first, second, first, second, first);
}

constexpr std::size_t kFolded = 64;
constexpr std::size_t kFoldedAtOnce = 4 * kFolded;
constexpr long long kNearFirst = fold_first(kFolded);
constexpr long long kNearSecond = fold_second(kFolded);
constexpr long long kFarFirst = fold_first(kFoldedAtOnce);
constexpr long long kFarSecond = fold_second(kFoldedAtOnce);

/// Loads 64 bytes, and stores them again at `to` if that is wanted. `from` and `to` go on.
template <bool kMoves>
TF_TARGET_FOLD inline __m512i next(const std::uint8_t*& from, std::uint8_t*& to) {
  const __m512i bytes = _mm512_loadu_si512(from);
  from += kFolded;
  if constexpr (kMoves) {
    _mm512_storeu_si512(to, bytes);
    to += kFolded;
  }
  return bytes;
}

template <bool kMoves>
TF_TARGET_FOLD std::uint32_t fold_all(std::uint32_t crc, std::uint8_t* to, const std::uint8_t* from, std::size_t length) {
  const std::uint8_t* const end = from + length;
  const auto left = [&] { return static_cast<std::size_t>(end - from); };
  if (length >= kFoldedAtOnce) {
    __m512i a = next<kMoves>(from, to);
    a = _mm512_xor_si512(a, _mm512_zextsi128_si512(_mm_cvtsi32_si128(static_cast<int>(crc))));
    __m512i b = next<kMoves>(from, to);
    __m512i c = next<kMoves>(from, to);
    __m512i d = next<kMoves>(from, to);
    const __m512i far = distance(kFarFirst, kFarSecond);
    while (left() >= kFoldedAtOnce) {
      a = fold(a, far, next<kMoves>(from, to));
      b = fold(b, far, next<kMoves>(from, to));
      c = fold(c, far, next<kMoves>(from, to));
      d = fold(d, far, next<kMoves>(from, to));
    }
    const __m512i near = distance(kNearFirst, kNearSecond);
    d = fold(fold(fold(a, near, b), near, c), near, d);
    while (left() >= kFolded) d = fold(d, near, next<kMoves>(from, to));
    std::uint8_t last[kFolded];
    _mm512_storeu_si512(last, d);
    crc = update_sse42(0, last, kFolded);
  }
  crc = update_sse42(crc, from, left());
  if constexpr (kMoves) std::memmove(to, from, left());
  return crc;
}

std::uint32_t update_avx512(std::uint32_t crc, const std::uint8_t* bytes, std::size_t length) {
  return fold_all<false>(crc, nullptr, bytes, length);
}

#endif

using Update = std::uint32_t (*)(std::uint32_t, const std::uint8_t*, std::size_t);

bool can_fold() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("vpclmulqdq");
#else
  return false;
#endif
}
const bool kCanFold = can_fold();

std::vector<Update> updates() {
  std::vector<Update> all;
#if defined(__x86_64__)
  if (kCanFold) all.push_back(update_avx512);
  if (__builtin_cpu_supports("sse4.2")) all.push_back(update_sse42);
#endif
  all.push_back(update_portable);
  return all;
}
const Update kUpdate = updates().front();

}  // namespace

std::uint32_t crc32c(const void* bytes, std::size_t length, std::uint32_t previous) {
  return ~kUpdate(~previous, static_cast<const std::uint8_t*>(bytes), length);
}

std::uint32_t crc32c_move(void* to, const void* from, std::size_t length) {
#if defined(__x86_64__)
  if (kCanFold && to != from) {
    return ~fold_all<true>(~0u, static_cast<std::uint8_t*>(to), static_cast<const std::uint8_t*>(from), length);
  }
#endif
  const std::uint32_t crc = crc32c(from, length);
  if (to != from) std::memmove(to, from, length);
  return crc;
}

std::vector<std::uint32_t> crc32c_each_way(const void* bytes, std::size_t length, std::uint32_t previous) {
  std::vector<std::uint32_t> results;
  for (const Update update : updates()) {
    results.push_back(~update(~previous, static_cast<const std::uint8_t*>(bytes), length));
  }
  return results;
}

}  // namespace tickforge
