// A client of the ingest server without a socket and without a server: bytes in, in pieces; records and answers out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/assert.h"
#include "format/record_check.h"
#include "ingest/ingest_context.h"
#include "ingest/protocol_chooser.h"

namespace tickforge::testing {

inline constexpr std::int64_t kProtocolRunTime = 1'723'118'400'000'000'000;

/// Small, so that limits are met and a run takes no longer than it must: building the mapping is most of it.
inline IngestOptions small_options() {
  IngestOptions options;
  options.payload_bytes_max = 1 << 16;
  options.line_bytes_max = 512;
  options.line_columns_max = 16;
  options.body_bytes_max = 2048;
  std::erase_if(options.mapping.rules, [](const RowRule& rule) { return rule.table != "trades"; });
  return options;
}

/// Everything that a server has for its clients; used for many runs, as making it takes longer than a run.
class ProtocolWorld {
 public:
  explicit ProtocolWorld(IngestOptions options)
      : options_(std::move(options)), ring_(SpscRing::create(SpscRing::kBytesMin).take()) {
    reset();
  }
  /// As if nothing had been sent yet.
  void reset() {
    context_.reset();
    table_ = std::make_unique<ProducerTable>();
    table_->next_instrument.store(1);
    table_->next_connection.store(1);
    context_ = std::make_unique<IngestContext>(options_, *ring_, *table_, stats_);
    context_->now = kProtocolRunTime;
    stats_.requests.set(0);  // answers name it
    chooser_ = make_protocol_chooser(*context_);
  }
  IngestContext& context() { return *context_; }
  ProtocolChooser& chooser() { return *chooser_; }
  SpscRing& ring() { return *ring_; }

 private:
  IngestOptions options_;
  IngestStats stats_;
  std::shared_ptr<SpscRing> ring_;
  std::unique_ptr<ProducerTable> table_;
  std::unique_ptr<IngestContext> context_;
  std::unique_ptr<ProtocolChooser> chooser_;
};

/// One client from its first byte to its end.
class ProtocolRun {
 public:
  explicit ProtocolRun(ProtocolWorld& world) : world_(world), input_(world.chooser(), answers_) {}

  /// The bytes as they come from a socket in pieces of at most `piece`.
  void run(const std::uint8_t* bytes, std::size_t length, std::size_t piece) {
    while (length > 0 && !ended()) {
      const std::size_t used = read(bytes, std::min(piece, length));
      bytes += used;
      length -= used;
      drain();
      while (input_.blocked()) {
        if (input_.protocol()->backlog() > world_.context().options.answer_bytes_max) {
          send();
          input_.protocol()->progressed(progress_);
          send();
        }
        input_.feed(nullptr, 0);
        drain();
      }
    }
    leave();
  }

  /// One read of a socket in which `length` bytes wait, as ClientSession does it; returns how many it took.
  std::size_t read(const std::uint8_t* bytes, std::size_t length) {
    const std::size_t wanted = input_.wanted();
    std::uint8_t* landing = input_.landing(length);
    std::size_t placed = 0;
    if (wanted != 0) {
      const auto own = input_.place();
      placed = std::min(own.size(), length);
      std::copy(bytes, bytes + placed, own.begin());
      if (own.size() < wanted) length = placed;
    }
    const std::uint8_t* rest = bytes + placed;
    if (landing != nullptr) rest = std::copy(rest, bytes + length, landing) - (length - placed);
    if (placed != 0) input_.placed(placed);
    if (input_.wanted() == 0) input_.feed(rest, length - placed);
    return length;
  }

  /// The client's end, and what the writer and the server do then.
  void leave() {
    while (input_.protocol() != nullptr && !input_.protocol()->leave(true)) drain();
    drain();
    send();
    if (input_.protocol() != nullptr && !ended()) input_.protocol()->progressed(progress_);
    send();
  }

  /// Where the next read would like its bytes.
  const std::uint8_t* landing(std::size_t length) { return input_.landing(length); }
  bool blocked() const { return input_.blocked(); }
  /// Tries again to take what waits for room.
  void go_on() { input_.feed(nullptr, 0); }
  bool ended() const { return input_.protocol() != nullptr && input_.protocol()->ended(); }
  /// Records one after the other.
  const std::vector<std::uint8_t>& cells() const { return cells_; }
  const std::string& answers() const { return text_; }

  /// Plays the writer: takes what was kept for the ring, of this client or another.
  void drain() {
    SpscRing& ring = world_.ring();
    world_.context().appender.publish();
    const std::uint32_t from = ring.consumed();
    const std::uint32_t count = ring.published() - from;
    cells_.insert(cells_.end(), ring.at(from), ring.at(from) + std::size_t{count} * kCellBytes);
    ring.release(from + count);
    progress_ = {from + count, from + count, from + count};
  }

 private:
  void send() {
    text_.append(reinterpret_cast<const char*>(answers_.data()), answers_.size());
    answers_.sent(answers_.size());
  }

  ProtocolWorld& world_;
  AnswerBuffer answers_;
  ProtocolInput input_;
  RingProgress progress_;
  std::vector<std::uint8_t> cells_;
  std::string text_;
};

/// What any sequence of records of one server must be: whole, and defined and open before it is named.
inline void check_records(const std::vector<std::uint8_t>& cells) {
  std::uint32_t defined = 0;
  std::vector<bool> open(65'536);
  for (std::size_t at = 0; at < cells.size();) {
    const auto& head = *reinterpret_cast<const RecordHead*>(cells.data() + at);
    TF_ASSERT(head.cells != 0);
    TF_ASSERT(head.cells * kCellBytes <= cells.size() - at);
    TF_ASSERT(contents_hold(head));
    TF_ASSERT((head.flags & kFlagCopy) == 0);
    TF_ASSERT(head.ts_recv >= 0);
    TF_ASSERT(head.type > static_cast<std::uint8_t>(RecordType::kSegment));
    TF_ASSERT(head.type <= static_cast<std::uint8_t>(RecordType::kText));
    if (head.type == static_cast<std::uint8_t>(RecordType::kInstrument)) {
      TF_ASSERT(head.instrument > defined);
      defined = head.instrument;
    }
    TF_ASSERT(head.instrument <= defined);
    const auto connection = static_cast<std::uint16_t>(head.frame >> kFrameNumberBits);
    if (head.type == static_cast<std::uint8_t>(RecordType::kConnection)) {
      const auto& one = reinterpret_cast<const Connection&>(head);
      TF_ASSERT(connection != 0);
      const bool opens = one.event == static_cast<std::uint8_t>(ConnectionEvent::kOpen);
      TF_ASSERT(opens || open[connection]);
      open[connection] = opens;
    } else {
      TF_ASSERT(connection == 0 || open[connection]);
    }
    at += head.cells * kCellBytes;
  }
  for (const bool still : open) TF_ASSERT(!still);
}

}  // namespace tickforge::testing
