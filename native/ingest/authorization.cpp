#include "ingest/authorization.h"

#include <strings.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "ingest/token.h"

namespace tickforge {
namespace {

/// What follows the name of a scheme, which may be written in capitals or not (RFC 9110, 11.1).
std::optional<std::string_view> credentials_of(std::string_view authorization, std::string_view scheme) {
  if (authorization.size() <= scheme.size() || authorization[scheme.size()] != ' ') return std::nullopt;
  if (::strncasecmp(authorization.data(), scheme.data(), scheme.size()) != 0) return std::nullopt;
  authorization.remove_prefix(scheme.size());
  authorization.remove_prefix(std::min(authorization.find_first_not_of(' '), authorization.size()));
  return authorization;
}

std::uint32_t value_of(char digit) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return static_cast<std::uint32_t>(kDigits.find(digit));
}

/// RFC 4648, section 4. Nothing when it is not that.
std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  std::string bytes;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char digit : text) {
    const std::uint32_t value = value_of(digit);
    if (value > 63) return std::nullopt;
    bits = bits << 6 | value;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count);
  }
  return bytes;
}

}  // namespace

bool shows_token(std::string_view authorization, std::string_view token) {
  if (const auto bearer = credentials_of(authorization, "Bearer")) return same_token(*bearer, token);
  const auto basic = credentials_of(authorization, "Basic");
  const auto pair = basic ? from_base64(*basic) : std::nullopt;
  const std::size_t colon = pair ? pair->find(':') : std::string::npos;
  return colon != std::string::npos && same_token(std::string_view(*pair).substr(colon + 1), token);
}

}  // namespace tickforge
