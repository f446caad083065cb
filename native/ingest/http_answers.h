// Text of HTTP answers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tickforge {

/// A whole answer; `body` is JSON, or nothing. With `head_only`, as HEAD wants it, the body is told of and left out.
std::string http_answer(int status, std::string_view body, bool keep_alive, bool head_only = false);

/// What QuestDB's clients read of an error: {"code", "message", "line", "errorId"}; line 0 is left out.
std::string error_json(std::string_view code, std::string_view message, std::uint64_t line, std::uint64_t error_id);

/// Answer to GET /settings, which tells clients the versions of the line protocol that they may use.
std::string_view settings_json();

}  // namespace tickforge
