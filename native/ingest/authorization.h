// What a client of HTTP shows instead of the binary protocol's token.
#pragma once

#include <string_view>

namespace tickforge {

/// Whether the value of a header "Authorization" shows `token`: as a bearer's (RFC 6750), or as the password of any user
/// (RFC 7617), which is all that some clients can be told. Compared in constant time.
bool shows_token(std::string_view authorization, std::string_view token);

}  // namespace tickforge
