// Comparing secrets.
#pragma once

#include <cstdint>
#include <string_view>

namespace tickforge {

/// Takes as long for a wrong token as for the right one, whichever byte differs; `given` decides how long.
inline bool same_token(std::string_view given, std::string_view wanted) {
  // An empty token stands for no token and is never compared.
  if (wanted.empty()) return false;
  volatile std::uint8_t difference = given.size() == wanted.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto a = static_cast<std::uint8_t>(given[i]);
    const auto b = static_cast<std::uint8_t>(wanted[i % wanted.size()]);
    difference = static_cast<std::uint8_t>(difference | (a ^ b));
  }
  return difference == 0;
}

}  // namespace tickforge
