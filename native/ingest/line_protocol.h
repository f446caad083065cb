// Lines of text on a bare connection: QuestDB's line protocol over TCP. Nothing is acknowledged.
#pragma once

#include "ingest/line_session.h"
#include "ingest/protocol.h"

namespace tickforge {

class LineProtocol : public Protocol {
 public:
  /// A server with a token takes no bare lines: they cannot show one.
  LineProtocol(IngestContext& context, AnswerBuffer& answers)
      : Protocol(answers), context_(context), session_(context, "lines") {}

  Taken take(const std::uint8_t* bytes, std::size_t length) override;
  bool admitted() const override { return context_.options.token.empty(); }
  bool leave(bool in_order) override;
  void end(wire::Code code, std::string_view text) override;

 private:
  IngestContext& context_;
  LineSession session_;
  bool ends_in_order_ = false;  // nothing was sent for so long that nothing is missing
};

}  // namespace tickforge
