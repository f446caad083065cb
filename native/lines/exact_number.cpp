#include "lines/exact_number.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>

namespace tickforge {
namespace {

constexpr int kPowers = 20;
constexpr std::int32_t kExponentMax = 400;  // beyond any double; a number this large or small has no mantissa

constexpr std::array<std::uint64_t, kPowers> kPowersOfTen = [] {
  std::array<std::uint64_t, kPowers> powers{};
  std::uint64_t power = 1;
  for (auto& one : powers) {
    one = power;
    power *= 10;
  }
  return powers;
}();

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Digits read so far. Once they fill 64 bits, only zeros may follow.
class Digits {
 public:
  /// False when the digit cannot be kept.
  bool add(char c, bool behind_point) {
    const auto digit = static_cast<std::uint64_t>(c - '0');
    std::uint64_t grown = 0;
    if (!full_ && !__builtin_mul_overflow(magnitude_, std::uint64_t{10}, &grown) &&
        !__builtin_add_overflow(grown, digit, &grown)) {
      magnitude_ = grown;
      if (behind_point) exponent_ -= 1;
      return true;
    }
    full_ = true;
    if (!behind_point && exponent_ < kExponentMax) exponent_ += 1;
    return digit == 0;
  }
  std::uint64_t magnitude() const { return magnitude_; }
  std::int32_t exponent() const { return exponent_; }
  bool full() const { return full_; }

 private:
  std::uint64_t magnitude_ = 0;
  std::int32_t exponent_ = 0;
  bool full_ = false;
};

/// Takes zeros at the end of a big-endian number away until it fits 64 bits; false when it never does.
bool reduce(std::array<std::uint8_t, 32>& bytes, std::uint64_t& magnitude, std::int32_t& exponent) {
  const auto fits = [&] { return std::all_of(bytes.begin(), bytes.end() - 8, [](std::uint8_t b) { return b == 0; }); };
  while (!fits()) {
    std::uint32_t rest = 0;
    for (auto& byte : bytes) {
      const std::uint32_t part = rest << 8 | byte;
      byte = static_cast<std::uint8_t>(part / 10);
      rest = part % 10;
    }
    if (rest != 0) return false;
    exponent += 1;
  }
  magnitude = 0;
  for (std::size_t i = bytes.size() - 8; i < bytes.size(); ++i) magnitude = magnitude << 8 | bytes[i];
  return true;
}

}  // namespace

NumberStatus read_number(std::string_view text, ExactNumber& number) {
  const char* at = text.data();
  const char* const end = at + text.size();
  number = ExactNumber{};
  if (at != end && (*at == '-' || *at == '+')) number.negative = *at++ == '-';
  Digits digits;
  bool kept = true;
  bool any = false;
  for (; at != end && is_digit(*at); ++at, any = true) kept = digits.add(*at, false) && kept;
  if (at != end && *at == '.') {
    for (++at; at != end && is_digit(*at); ++at, any = true) kept = digits.add(*at, true) && kept;
  }
  if (!any) return NumberStatus::kNotANumber;
  std::int32_t power = 0;
  number.plain = !digits.full();
  if (at != end && (*at == 'e' || *at == 'E')) {
    number.plain = false;
    ++at;
    bool down = false;
    if (at != end && (*at == '-' || *at == '+')) down = *at++ == '-';
    if (at == end) return NumberStatus::kNotANumber;
    for (; at != end && is_digit(*at); ++at) power = std::min(power * 10 + (*at - '0'), 1'000'000);
    if (down) power = -power;
  }
  if (at != end) return NumberStatus::kNotANumber;
  if (!kept) return NumberStatus::kTooLarge;
  number.magnitude = digits.magnitude();
  number.exponent = digits.exponent() + power;
  if (number.magnitude == 0) number.exponent = std::clamp(number.exponent, -kExponentMax, 0);
  if (number.exponent > kExponentMax || number.exponent < -kExponentMax) return NumberStatus::kTooLarge;
  return NumberStatus::kNumber;
}

NumberStatus number_of_double(std::uint64_t bits, ExactNumber& number) {
  const auto value = std::bit_cast<double>(bits);
  constexpr double kWholeMax = 9007199254740992.0;  // 2^53: below it the shortest digits of a whole double are its own
  number = ExactNumber{};
  number.negative = bits >> 63 != 0;
  if (value > -kWholeMax && value < kWholeMax) {
    const auto whole = static_cast<std::int64_t>(value);
    if (static_cast<double>(whole) == value) {
      number.magnitude = static_cast<std::uint64_t>(whole < 0 ? -whole : whole);
      return NumberStatus::kNumber;
    }
  }
  if ((bits >> 52 & 0x7FF) == 0x7FF) {
    return bits << 12 == 0 ? NumberStatus::kTooLarge : NumberStatus::kNotANumber;
  }
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
  if (error != std::errc{}) return NumberStatus::kNotANumber;
  const auto status = read_number({text, static_cast<std::size_t>(end - text)}, number);
  number.plain = number.exponent <= 0;
  return status;
}

NumberStatus number_of_binary(std::string_view mantissa, std::uint8_t scale, ExactNumber& number) {
  number = ExactNumber{};
  if (mantissa.empty()) return NumberStatus::kNotANumber;
  const bool negative = static_cast<std::uint8_t>(mantissa.front()) >= 0x80;
  const char sign = negative ? '\xFF' : '\0';
  while (!mantissa.empty() && mantissa.front() == sign) mantissa.remove_prefix(1);
  std::array<std::uint8_t, 32> bytes{};
  if (mantissa.size() >= bytes.size()) return NumberStatus::kTooLarge;
  if (negative) bytes.fill(0xFF);
  std::memcpy(bytes.data() + bytes.size() - mantissa.size(), mantissa.data(), mantissa.size());
  if (negative) {
    unsigned carry = 1;
    for (std::size_t i = bytes.size(); i-- > 0;) {
      carry += static_cast<std::uint8_t>(~bytes[i]);
      bytes[i] = static_cast<std::uint8_t>(carry);
      carry >>= 8;
    }
  }
  number.negative = negative;
  number.exponent = -std::int32_t{scale};
  if (!reduce(bytes, number.magnitude, number.exponent)) return NumberStatus::kTooLarge;
  number.plain = number.exponent == -std::int32_t{scale};
  return NumberStatus::kNumber;
}

int decimals_needed(const ExactNumber& number) {
  if (number.magnitude == 0) return 0;
  std::uint64_t magnitude = number.magnitude;
  std::int32_t exponent = number.exponent;
  for (; exponent < 0 && magnitude % 10 == 0; ++exponent) magnitude /= 10;
  return exponent < 0 ? -exponent : 0;
}

bool mantissa_at(const ExactNumber& number, int decimals, std::int64_t& mantissa) {
  const std::int32_t shift = number.exponent + decimals;
  std::uint64_t magnitude = number.magnitude;
  if (magnitude == 0) {
    mantissa = 0;
    return true;
  }
  if (shift >= kPowers || shift <= -kPowers) return false;
  if (shift > 0 && __builtin_mul_overflow(magnitude, kPowersOfTen[shift], &magnitude)) return false;
  if (shift < 0) {
    if (magnitude % kPowersOfTen[-shift] != 0) return false;
    magnitude /= kPowersOfTen[-shift];
  }
  if (magnitude > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return false;
  mantissa = number.negative ? -static_cast<std::int64_t>(magnitude) : static_cast<std::int64_t>(magnitude);
  return true;
}

}  // namespace tickforge
