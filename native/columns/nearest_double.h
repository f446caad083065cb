// The double that is nearest to a decimal.
#pragma once

#include <cstdint>

namespace tickforge {

/// `mantissa` * 10^-decimals, rounded once, to the nearest double (ties to even). `decimals` from -255 to 255.
double nearest_double(std::int64_t mantissa, int decimals);

}  // namespace tickforge
