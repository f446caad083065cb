#include "ingest/line_protocol.h"

#include <string>

namespace tickforge {

Taken LineProtocol::take(const std::uint8_t* bytes, std::size_t length) {
  if (ended_) return {length, 0, false};
  if (!context_.options.token.empty()) {
    end(wire::Code::kTextRefused,
        "this server wants a token: send lines over HTTP, with a header 'Authorization: Bearer TOKEN'");
    return {length, 0, false};
  }
  switch (session_.give(bytes, length)) {
    case LineSession::Given::kBlocked:
      return {length, 0, true};
    case LineSession::Given::kTooLong:
      end(wire::Code::kTooLarge, "a line is longer than " + std::to_string(context_.options.line_bytes_max) + " bytes");
      break;
    case LineSession::Given::kTaken:
      break;
  }
  return {length, 0, false};
}

bool LineProtocol::leave(bool in_order) { return session_.leave(ended_ ? ends_in_order_ : in_order); }

void LineProtocol::end(wire::Code code, std::string_view text) {
  if (ended_) return;
  ended_ = true;
  ends_in_order_ = code == wire::Code::kTimeout;
  context_.stats.refuse(code);
  // Senders of lines do not read; a person with a terminal does.
  answers_.append("error: ");
  answers_.append(text);
  answers_.append("\n");
}

}  // namespace tickforge
