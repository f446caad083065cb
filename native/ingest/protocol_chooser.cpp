#include "ingest/protocol_chooser.h"

#include "ingest/binary_protocol.h"

namespace tickforge {
namespace {

class Chooser : public ProtocolChooser {
 public:
  explicit Chooser(IngestContext& context) : context_(context) {}

  std::unique_ptr<Protocol> choose(const std::uint8_t*, std::size_t, AnswerBuffer& answers, std::size_t&) override {
    return std::make_unique<BinaryProtocol>(context_, answers);
  }

 private:
  IngestContext& context_;
};

}  // namespace

std::unique_ptr<ProtocolChooser> make_protocol_chooser(IngestContext& context) {
  return std::make_unique<Chooser>(context);
}

}  // namespace tickforge
