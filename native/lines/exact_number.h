// A decimal number as its sender wrote it, and how it becomes a mantissa. No floating point arithmetic anywhere.
#pragma once

#include <cstdint>
#include <string_view>

namespace tickforge {

/// value = (negative ? -1 : 1) * magnitude * 10^exponent.
struct ExactNumber {
  std::uint64_t magnitude = 0;
  std::int32_t exponent = 0;
  bool negative = false;
  bool plain = true;  // written without an exponent: the sender's count of decimals is -exponent, zeros included
};

enum class NumberStatus : std::uint8_t {
  kNumber,
  kNotANumber,  // the text is none
  kTooLarge,    // a number, but of more digits than any mantissa has, or infinite
};

/// Reads `-12.50`, `+.5`, `1e-7`: all of `text`. Digits that do not fit 64 bits are given up only if they are zeros.
NumberStatus read_number(std::string_view text, ExactNumber& number);

/// The shortest decimal that a reader of doubles reads as the double of these bits (std::to_chars).
NumberStatus number_of_double(std::uint64_t bits, ExactNumber& number);

/// A big-endian two's complement mantissa of any length and its count of decimals, protocol version 3.
NumberStatus number_of_binary(std::string_view mantissa, std::uint8_t scale, ExactNumber& number);

/// Decimals that the value needs: those of its text without zeros at the end. At most 400.
int decimals_needed(const ExactNumber& number);

/// The value as mantissa * 10^-decimals; false when it needs more decimals or more than 63 bits.
bool mantissa_at(const ExactNumber& number, int decimals, std::int64_t& mantissa);

}  // namespace tickforge
