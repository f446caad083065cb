// What a column's value says when it is taken for a number, an id, a time or a word.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lines/exact_number.h"
#include "lines/line_parser.h"

namespace tickforge {

enum class ValueStatus : std::uint8_t {
  kHere,
  kAbsent,    // no such column, or it says that there is none
  kOther,     // not of this kind
  kTooLarge,  // a number that no mantissa holds
};

/// A number of any kind; text and tags count when all of it is one.
ValueStatus number_value(const LineColumn* column, ExactNumber& number);

/// A whole number from 0 to 2^64 - 2. Text counts if it is the number's own: no sign, no zeros in front.
ValueStatus id_value(const LineColumn* column, std::uint64_t& id);

/// Bytes of an id that is none of these numbers; empty when nothing can be one. A word loses an `i` at its
/// end: cryptofeed writes every id as an integer.
std::string_view id_text(const LineColumn& column);

/// Nanoseconds. A number counts only if its unit is known.
ValueStatus time_value(const LineColumn* column, std::optional<TimeUnit> unit, std::int64_t& time);

/// Text in any form: tag, string, word, or a number's digits. Empty when there is none.
std::string_view text_value(const LineColumn* column);

}  // namespace tickforge
