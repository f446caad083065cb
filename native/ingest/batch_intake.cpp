#include "ingest/batch_intake.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "format/loss_records.h"
#include "format/record.h"
#include "format/record_check.h"
#include "ingest/connection_records.h"

namespace tickforge {
namespace {

constexpr std::string_view kGone = "the client went away";

/// A trade or a quote of one cell, which counts nothing, so that only its time and its names are left to be looked at.
inline bool is_plain(const RecordHead& head) {
  static_assert(static_cast<int>(RecordType::kTrade) == 4 && static_cast<int>(RecordType::kQuote) == 5);
  constexpr std::uint32_t kEitherType = 0x0100;
  constexpr std::uint32_t kMore = std::uint32_t{kFlagCopy | kFlagExtension} << 16;
  std::uint32_t word;
  std::memcpy(&word, &head, sizeof word);
  return (word & ((0xFFFF & ~kEitherType) | kMore)) == 0x0401;
}

}  // namespace

/// Of a batch.
struct BatchIntake::Times {
  std::int64_t now;
  std::int64_t latest;  // that a record may have
};

/// What a batch has come to.
struct BatchIntake::Placed {
  /// Behind a definition that was left out, the rest moves up.
  void keep(const std::uint8_t* record, std::size_t length) {
    if (end != record) std::memmove(end, record, length);
    end += length;
  }

  std::uint8_t* end;  // of what is to be published
  std::int64_t newest_ts;
  std::uint32_t records = 0;
  std::uint32_t definitions = 0;
};

std::optional<Refusal> BatchIntake::take(std::uint8_t* cells, std::size_t bytes) {
  TF_ASSERT(bytes % kCellBytes == 0);
  if (bytes == 0) return std::nullopt;
  Placed placed{cells, newest_ts_};
  const std::size_t open_before = numbers_.open_connections().size();
  if (!walk(cells, bytes, placed)) {
    numbers_.rollback();
    context_.definitions.rollback();
    return Refusal{refusal_.code, "record " + std::to_string(placed.records + 1) + " of the batch: " + refusal_.text};
  }
  context_.appender.keep(static_cast<std::uint32_t>(static_cast<std::size_t>(placed.end - cells) / kCellBytes));
  numbers_.commit();
  context_.definitions.commit();
  newest_ts_ = placed.newest_ts;
  context_.stats.batches.add();
  context_.stats.records.add(placed.records);
  context_.stats.connections.add(numbers_.open_connections().size() - open_before);
  if (placed.definitions != 0) context_.stats.definitions.add(placed.definitions);
  return std::nullopt;
}

[[gnu::cold, gnu::noinline]] bool BatchIntake::refuse(wire::Code code, std::string text) {
  refusal_ = {code, std::move(text)};
  return false;
}

// Apart from place(), so that the way of a record that holds makes no texts and keeps its registers.
[[gnu::cold, gnu::noinline]] bool BatchIntake::refuse_record(wire::Code code, const RecordHead& head) {
  switch (code) {
    case wire::Code::kTime:
      return refuse(code, "ts_recv " + std::to_string(head.ts_recv) + " is " +
                              (head.ts_recv < 0 ? "before 1970" : "ahead of the server's clock"));
    case wire::Code::kMalformed:
      return refuse(code, "counts more than its " + std::to_string(head.cells) + " cells hold");
    case wire::Code::kInstrument:
      return refuse(code, "instrument " + std::to_string(head.instrument) + " has not been defined on this connection");
    case wire::Code::kConnection:
      return refuse(code, "connection " + std::to_string(head.frame >> kFrameNumberBits) + " is not open");
    case wire::Code::kUnknownType:
      return refuse(code, "type " + std::to_string(head.type) + " is not known");
    default:
      return refuse(code, (head.flags & kFlagCopy) != 0 ? "has the flag of a copy"
                                                        : "a segment record is the journal's own");
  }
}

inline bool BatchIntake::place_time(RecordHead& head, Times times) {
  if (head.ts_recv == 0) head.ts_recv = times.now;
  if (head.ts_recv >= 0 && head.ts_recv <= times.latest) [[likely]] return true;
  return refuse_record(wire::Code::kTime, head);
}

/// Gives a record the journal's numbers of what it names.
inline bool BatchIntake::place_names(RecordHead& head, bool needs_instrument) {
  if (head.instrument != 0 || needs_instrument) {
    const std::uint32_t number = numbers_.instrument(head.instrument);
    if (number == 0) [[unlikely]] return refuse_record(wire::Code::kInstrument, head);
    head.instrument = number;
  }
  if (const auto local = static_cast<std::uint16_t>(head.frame >> kFrameNumberBits); local != 0) {
    const std::uint16_t number = numbers_.connection(local);
    if (number == 0) [[unlikely]] return refuse_record(wire::Code::kConnection, head);
    head.frame = frame_of(number, head.frame);
  }
  return true;
}

/// Checks a record that lies whole within the batch and gives it the journal's numbers; of a definition it checks only what
/// all records have in common.
bool BatchIntake::place(RecordHead& head, Times times) {
  if (!place_time(head, times)) return false;
  if ((head.flags & kFlagCopy) != 0) [[unlikely]] return refuse_record(wire::Code::kForbidden, head);
  if (!contents_hold(head)) [[unlikely]] return refuse_record(wire::Code::kMalformed, head);
  bool needs_instrument = false;
  switch (static_cast<RecordType>(head.type)) {
    case RecordType::kTrade:
    case RecordType::kQuote:
    case RecordType::kBook:
      needs_instrument = true;
      break;
    case RecordType::kText:
      break;
    case RecordType::kDrop:
      // Live readers take such a one for the writer's own, which stands in no ring.
      if (reinterpret_cast<const Drop&>(head).producer != 0) {
        return refuse(wire::Code::kForbidden, "a drop record that names a producer is the journal's own");
      }
      break;
    case RecordType::kGap:
      if (!check_gap(head)) return false;
      break;
    case RecordType::kInstrument:
      return true;
    case RecordType::kConnection:
      return place_connection(head);
    case RecordType::kSegment:
      return refuse_record(wire::Code::kForbidden, head);
    default:
      return refuse_record(wire::Code::kUnknownType, head);
  }
  return place_names(head, needs_instrument);
}

/// Places the trades and quotes of one cell at the front, up to the first record that is none of these. Apart from the others,
/// because most records are, and none of them has to wait until the length of the one before is read.
bool BatchIntake::place_plain(std::uint8_t* cells, std::size_t bytes, Times times, Placed& placed) {
  std::int64_t newest = placed.newest_ts;
  std::size_t at = 0;
  bool holds = true;
  for (; at < bytes; at += kCellBytes) {
    auto& head = *reinterpret_cast<RecordHead*>(cells + at);
    if (!is_plain(head)) break;
    holds = place_time(head, times) && place_names(head, true);
    if (!holds) [[unlikely]] break;
    newest = std::max(newest, head.ts_recv);
  }
  placed.newest_ts = newest;
  placed.records += static_cast<std::uint32_t>(at / kCellBytes);
  placed.keep(cells, at);
  return holds;
}

bool BatchIntake::walk(std::uint8_t* cells, std::size_t bytes, Placed& placed) {
  const Times times{context_.now, context_.now + context_.options.ahead_ns};
  for (std::size_t at = 0;;) {
    const std::uint32_t before = placed.records;
    if (!place_plain(cells + at, bytes - at, times, placed)) return false;
    at += (placed.records - before) * kCellBytes;
    if (at == bytes) return true;
    auto& head = *reinterpret_cast<RecordHead*>(cells + at);
    const std::size_t length = head.cells * kCellBytes;
    if (length == 0 || length > bytes - at) {
      return refuse(wire::Code::kMalformed, "has " + std::to_string(head.cells) + " cells, and the batch has " +
                                                std::to_string((bytes - at) / kCellBytes) + " left");
    }
    if (!place(head, times)) return false;
    bool keep = true;
    if (head.type == static_cast<std::uint8_t>(RecordType::kInstrument)) {
      if (!place_instrument(head, keep)) return false;
      placed.definitions += keep ? 1 : 0;
    } else {
      placed.newest_ts = std::max(placed.newest_ts, head.ts_recv);
    }
    if (keep) placed.keep(cells + at, length);
    placed.records += 1;
    at += length;
  }
}

bool BatchIntake::check_gap(const RecordHead& head) {
  const auto& gap = reinterpret_cast<const Gap&>(head);
  switch (static_cast<GapCause>(gap.cause)) {
    case GapCause::kNone:
    case GapCause::kSequence:
    case GapCause::kChecksum:
    case GapCause::kDisconnect:
    case GapCause::kStale:
    case GapCause::kOverflow:
    case GapCause::kVenueNotice:
    case GapCause::kMalformed:
    case GapCause::kRefused:
    case GapCause::kSilent:
      break;
    default:
      return refuse(wire::Code::kForbidden, "a gap of cause " + std::to_string(gap.cause) + " is the journal's own");
  }
  if (head.instrument != 0 || head.frame >> kFrameNumberBits != 0) return true;
  return refuse(wire::Code::kForbidden, "a gap of the whole journal is the journal's own: name an instrument or a connection");
}

bool BatchIntake::place_instrument(RecordHead& head, bool& is_new) {
  auto& definition = reinterpret_cast<Instrument&>(head);
  const std::uint32_t local = head.instrument;
  if (local == 0 || local > numbers_.instruments_max()) {
    return refuse(local == 0 ? wire::Code::kMalformed : wire::Code::kLimit,
                  "defines instrument " + std::to_string(local) + "; numbers go from 1 to " +
                      std::to_string(numbers_.instruments_max()));
  }
  if (!exponent_holds(definition.price_exponent) || !exponent_holds(definition.size_exponent)) {
    return refuse(wire::Code::kMalformed, "an exponent is not from -18 to 0");
  }
  if (definition.venue_length == 0 || definition.symbol_length == 0) {
    return refuse(wire::Code::kMalformed, "defines an instrument without a venue or a symbol");
  }
  if (head.frame >> kFrameNumberBits != 0) {
    const std::uint16_t number = numbers_.connection(static_cast<std::uint16_t>(head.frame >> kFrameNumberBits));
    if (number == 0) return refuse(wire::Code::kConnection, "a definition names a connection that is not open");
    head.frame = frame_of(number, head.frame);
  }
  const auto given = context_.definitions.number_of(reinterpret_cast<const std::uint8_t*>(&head), head.cells * kCellBytes);
  if (given.number == 0) return refuse(wire::Code::kLimit, "the server has been given too many definitions");
  numbers_.define(local, given.number);
  head.instrument = given.number;
  is_new = given.is_new;
  return true;
}

bool BatchIntake::place_connection(RecordHead& head) {
  auto& connection = reinterpret_cast<Connection&>(head);
  const auto local = static_cast<std::uint16_t>(head.frame >> kFrameNumberBits);
  if (local == 0) return refuse(wire::Code::kMalformed, "opens or closes connection 0, which is none");
  if (head.instrument != 0) return refuse(wire::Code::kMalformed, "a connection record names an instrument");
  std::uint16_t number = 0;
  switch (static_cast<ConnectionEvent>(connection.event)) {
    case ConnectionEvent::kOpen: {
      const auto* venue = reinterpret_cast<const char*>(&connection) + sizeof connection;
      number = numbers_.open(local, std::string(venue, connection.venue_length));
      if (number == 0) return refuse(wire::Code::kLimit, "too many connections are open");
      break;
    }
    case ConnectionEvent::kClose:
      number = numbers_.connection(local);
      if (number == 0) return refuse(wire::Code::kConnection, "connection " + std::to_string(local) + " is not open");
      numbers_.close(local);
      break;
    default:
      return refuse(wire::Code::kMalformed, "a connection record of event " + std::to_string(connection.event));
  }
  head.frame = frame_of(number, head.frame);
  return true;
}

bool BatchIntake::end_connections() {
  while (!numbers_.open_connections().empty()) {
    const ClientNumbers::Open open = numbers_.open_connections().back();
    const ConnectionTexts texts{open.venue, {}, kGone};
    const std::uint32_t cells = 1 + connection_cells(texts);
    std::uint8_t* memory = context_.appender.space(cells);
    if (memory == nullptr) return false;
    const Gap gap = make_gap(GapCause::kDisconnect, newest_ts_, context_.now, frame_of(open.number, 0));
    std::memcpy(memory, &gap, sizeof gap);
    write_connection(memory + sizeof gap, ConnectionEvent::kClose, open.number, kClosedAbnormally, texts, context_.now);
    context_.appender.keep(cells);
    numbers_.close(open.local);
    numbers_.commit();
    context_.stats.connections.subtract();
  }
  return true;
}

}  // namespace tickforge
