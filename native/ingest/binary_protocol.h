// The binary protocol of docs/PROTOCOL.md, the server's side.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "ingest/batch_intake.h"
#include "ingest/protocol.h"

namespace tickforge {

class BinaryProtocol : public Protocol {
 public:
  BinaryProtocol(IngestContext& context, AnswerBuffer& answers)
      : Protocol(answers), context_(context), intake_(context) {}

  Taken take(const std::uint8_t* bytes, std::size_t length) override;
  /// The ring's own free memory, so that records move once they are there no further than over the headers between them.
  std::uint8_t* landing(std::size_t needed, std::size_t length) override;
  void progressed(const RingProgress& progress) override;
  bool owes_answer() const override { return !waiting_.empty(); }
  bool admitted() const override { return admitted_; }
  bool leave(bool in_order) override;
  void end(wire::Code code, std::string_view text) override;

 private:
  /// Everything up to `batch` has reached the level when the ring's watermark reaches `position`.
  struct Waiting {
    std::uint32_t position;
    std::uint64_t batch;
  };

  /// Why nothing more is taken, to be told behind the acknowledgements that are owed.
  struct Failure {
    wire::Code code;
    std::uint64_t batch;
    std::string text;
  };

  Taken take_hello(const std::uint8_t* bytes, std::size_t length);
  /// Bytes of the batch that were used: 0 when it is not whole or something ended the connection.
  Taken take_batch(const std::uint8_t* bytes, std::size_t length);
  void welcome();
  /// The batches that were taken will be acknowledged.
  void owe_ack();
  bool over() const { return ended_ || failure_.has_value(); }
  void fail(wire::Code code, std::uint64_t batch, std::string_view text);
  void answer(wire::AnswerKind kind, wire::Code code, std::uint64_t batch, std::string_view text);

  IngestContext& context_;
  BatchIntake intake_;
  wire::AckLevel level_ = wire::AckLevel::kNone;
  bool admitted_ = false;
  std::uint64_t last_batch_ = 0;
  std::uint64_t owed_batch_ = 0;  // the last one that waiting_ knows
  std::optional<Failure> failure_;
  /// One entry a read, not a batch; at most as many as the ring has cells.
  std::deque<Waiting> waiting_;
};

}  // namespace tickforge
