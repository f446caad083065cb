#include "columns/nearest_double.h"

#include <charconv>

#include "base/assert.h"

namespace tickforge {
namespace {

/// Powers of ten that a double holds exactly.
constexpr double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                              1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr int kExactPower = 22;
constexpr std::int64_t kExactMantissa = std::int64_t{1} << 53;

double by_text(std::int64_t mantissa, int decimals) {
  constexpr std::size_t kDigits = 20;  // of the smallest one, with its sign
  char text[kDigits + 12];
  auto end = std::to_chars(text, text + kDigits, mantissa).ptr;
  *end++ = 'e';
  end = std::to_chars(end, text + sizeof text, -decimals).ptr;
  double found = 0;
  const auto result = std::from_chars(text, end, found);
  TF_ASSERT(result.ptr == end);
  return found;
}

}  // namespace

double nearest_double(std::int64_t mantissa, int decimals) {
  const bool exact = mantissa >= -kExactMantissa && mantissa <= kExactMantissa;
  // Both operands are exact, so that the one operation rounds once.
  if (exact && decimals >= 0 && decimals <= kExactPower) return static_cast<double>(mantissa) / kPowers[decimals];
  if (exact && decimals < 0 && -decimals <= kExactPower) return static_cast<double>(mantissa) * kPowers[-decimals];
  return by_text(mantissa, decimals);
}

}  // namespace tickforge
