#include "ingest/protocol_chooser.h"

#include <algorithm>
#include <string_view>

#include "ingest/binary_protocol.h"
#include "ingest/http_protocol.h"
#include "ingest/line_protocol.h"

namespace tickforge {
namespace {

/// With the slash of a path: a table of lines may well be called GET.
constexpr std::string_view kHttpStarts[] = {"GET /", "POST /", "PUT /", "HEAD /", "DELETE /", "OPTIONS /", "PATCH /"};

class Chooser : public ProtocolChooser {
 public:
  explicit Chooser(IngestContext& context) : context_(context) {}

  std::unique_ptr<Protocol> choose(const std::uint8_t* bytes, std::size_t length, AnswerBuffer& answers,
                                   std::size_t& needed) override {
    if (length == 0) return nullptr;
    if (bytes[0] == (wire::kHelloMagic & 0xFF)) return std::make_unique<BinaryProtocol>(context_, answers);
    const std::string_view text(reinterpret_cast<const char*>(bytes), length);
    for (const std::string_view start : kHttpStarts) {
      const std::size_t common = std::min(length, start.size());
      if (text.substr(0, common) != start.substr(0, common)) continue;
      if (common == start.size()) return std::make_unique<HttpProtocol>(context_, answers);
      needed = length + 1;
      return nullptr;
    }
    return std::make_unique<LineProtocol>(context_, answers);
  }

 private:
  IngestContext& context_;
};

}  // namespace

std::unique_ptr<ProtocolChooser> make_protocol_chooser(IngestContext& context) {
  return std::make_unique<Chooser>(context);
}

}  // namespace tickforge
