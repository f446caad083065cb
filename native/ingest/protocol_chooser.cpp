#include "ingest/protocol_chooser.h"

#include <algorithm>
#include <string_view>

#include "ingest/binary_protocol.h"
#include "ingest/http_protocol.h"
#include "ingest/line_protocol.h"

namespace tickforge {
namespace {

/// What follows the method: a table of lines may well be called GET.
constexpr std::string_view kHttpTargets[] = {"/", "http://", "https://", "* HTTP/"};
constexpr std::size_t kMethodBytesMax = 16;

enum class IsHttp : std::uint8_t { kYes, kNo, kNotKnownYet };

/// Any method is one, so that clients of those that are not served are told so.
IsHttp is_http(std::string_view text) {
  const std::size_t method = text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ-");
  if (std::min(method, text.size()) > kMethodBytesMax) return IsHttp::kNo;
  if (method == std::string_view::npos) return IsHttp::kNotKnownYet;
  if (method == 0 || text[method] != ' ') return IsHttp::kNo;
  const std::string_view target = text.substr(std::min(text.find_first_not_of(' ', method), text.size()));
  for (const std::string_view start : kHttpTargets) {
    const std::size_t common = std::min(target.size(), start.size());
    if (target.substr(0, common) == start.substr(0, common)) {
      return common == start.size() ? IsHttp::kYes : IsHttp::kNotKnownYet;
    }
  }
  return IsHttp::kNo;
}

class Chooser : public ProtocolChooser {
 public:
  explicit Chooser(IngestContext& context) : context_(context) {}

  std::unique_ptr<Protocol> choose(const std::uint8_t* bytes, std::size_t length, AnswerBuffer& answers,
                                   std::size_t& needed) override {
    if (length == 0) return nullptr;
    if (bytes[0] == (wire::kHelloMagic & 0xFF)) return std::make_unique<BinaryProtocol>(context_, answers);
    switch (is_http({reinterpret_cast<const char*>(bytes), length})) {
      case IsHttp::kYes: return std::make_unique<HttpProtocol>(context_, answers);
      case IsHttp::kNo: break;
      case IsHttp::kNotKnownYet:
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
