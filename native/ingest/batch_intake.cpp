#include "ingest/batch_intake.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "format/record.h"
#include "format/record_check.h"
#include "format/loss_records.h"
#include "ingest/connection_records.h"

namespace tickforge {
namespace {

constexpr std::string_view kGone = "the client went away";

std::optional<Refusal> refuse(wire::Code code, std::string text) { return Refusal{code, std::move(text)}; }

std::optional<Refusal> check_gap(const Gap& gap) {
  switch (static_cast<GapCause>(gap.cause)) {
    case GapCause::kNone:
    case GapCause::kSequence:
    case GapCause::kChecksum:
    case GapCause::kDisconnect:
    case GapCause::kStale:
    case GapCause::kOverflow:
    case GapCause::kVenueNotice:
    case GapCause::kMalformed:
      break;
    default:
      return refuse(wire::Code::kForbidden, "a gap of cause " + std::to_string(gap.cause) + " is the journal's own");
  }
  if (gap.head.instrument == 0 && gap.head.frame >> kFrameNumberBits == 0) {
    return refuse(wire::Code::kForbidden, "a gap of the whole journal is the journal's own: name an instrument or a connection");
  }
  return std::nullopt;
}

}  // namespace

/// What a batch has come to so far.
struct BatchIntake::Placed {
  std::uint32_t records = 0;
  std::uint32_t definitions = 0;
  std::int64_t newest_ts = 0;
  bool skip = false;  // the record just placed is in the journal already
};

std::optional<Refusal> BatchIntake::take(const std::uint8_t* payload, std::size_t bytes) {
  TF_ASSERT(bytes % kCellBytes == 0);
  if (bytes == 0) return std::nullopt;
  std::uint8_t* cells = context_.appender.space(static_cast<std::uint32_t>(bytes / kCellBytes));
  TF_ASSERT(cells != nullptr);
  // Checked behind the copy, where it is aligned; nobody reads it before it is published.
  std::memcpy(cells, payload, bytes);
  Placed placed;
  placed.newest_ts = newest_ts_;
  const std::size_t open_before = numbers_.open_connections().size();
  auto refusal = walk(cells, bytes, placed);
  if (refusal) {
    numbers_.rollback();
    context_.definitions.rollback();
    return refusal;
  }
  numbers_.commit();
  context_.definitions.commit();
  newest_ts_ = placed.newest_ts;
  context_.stats.batches.add();
  context_.stats.records.add(placed.records);
  context_.stats.connections.add(numbers_.open_connections().size() - open_before);
  if (placed.definitions != 0) context_.stats.definitions.add(placed.definitions);
  return std::nullopt;
}

std::optional<Refusal> BatchIntake::walk(std::uint8_t* cells, std::size_t bytes, Placed& placed) {
  std::size_t kept = 0;
  for (std::size_t at = 0; at < bytes;) {
    std::uint8_t* record = cells + at;
    const std::size_t length = record[offsetof(RecordHead, cells)] * kCellBytes;
    auto refusal = length == 0 || length > bytes - at
                       ? refuse(wire::Code::kMalformed, "has " + std::to_string(record[0]) + " cells, and the batch has " +
                                                            std::to_string((bytes - at) / kCellBytes) + " left")
                       : place(record, placed);
    if (refusal) {
      refusal->text = "record " + std::to_string(placed.records + 1) + " of the batch: " + refusal->text;
      return refusal;
    }
    placed.records += 1;
    at += length;
    if (placed.skip) {
      placed.skip = false;
      continue;
    }
    // Behind a definition that was left out, the rest moves up.
    if (cells + kept != record) std::memmove(cells + kept, record, length);
    kept += length;
  }
  context_.appender.keep(static_cast<std::uint32_t>(kept / kCellBytes));
  return std::nullopt;
}

std::optional<Refusal> BatchIntake::place(std::uint8_t* record, Placed& placed) {
  auto& head = *reinterpret_cast<RecordHead*>(record);
  const std::int64_t latest = context_.now + context_.options.ahead_ns;
  if (head.ts_recv <= 0 || head.ts_recv > latest) [[unlikely]] {
    if (head.ts_recv != 0) {
      return refuse(wire::Code::kTime, "ts_recv " + std::to_string(head.ts_recv) + " is " +
                                           (head.ts_recv < 0 ? "before 1970" : "ahead of the server's clock"));
    }
    head.ts_recv = context_.now;
  }
  if ((head.flags & kFlagCopy) != 0) [[unlikely]] {
    return refuse(wire::Code::kForbidden, "has the flag of a copy");
  }
  if (!contents_hold(head)) [[unlikely]] {
    return refuse(wire::Code::kMalformed, "counts more than its " + std::to_string(head.cells) + " cells hold");
  }
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
      if (reinterpret_cast<const Drop*>(record)->producer != 0) {
        return refuse(wire::Code::kForbidden, "a drop record that names a producer is the journal's own");
      }
      break;
    case RecordType::kGap:
      if (auto refusal = check_gap(*reinterpret_cast<const Gap*>(record))) return refusal;
      break;
    case RecordType::kInstrument:
      return place_instrument(record, placed);
    case RecordType::kConnection:
      placed.newest_ts = std::max(placed.newest_ts, head.ts_recv);
      return place_connection(record);
    case RecordType::kSegment:
      return refuse(wire::Code::kForbidden, "a segment record is the journal's own");
    default:
      return refuse(wire::Code::kUnknownType, "type " + std::to_string(head.type) + " is not known");
  }
  if (head.instrument != 0 || needs_instrument) {
    const std::uint32_t number = numbers_.instrument(head.instrument);
    if (number == 0) [[unlikely]] {
      return refuse(wire::Code::kInstrument,
                    "instrument " + std::to_string(head.instrument) + " has not been defined on this connection");
    }
    head.instrument = number;
  }
  if (const auto local = static_cast<std::uint16_t>(head.frame >> kFrameNumberBits); local != 0) {
    const std::uint16_t number = numbers_.connection(local);
    if (number == 0) [[unlikely]] {
      return refuse(wire::Code::kConnection, "connection " + std::to_string(local) + " is not open");
    }
    head.frame = frame_of(number, head.frame);
  }
  placed.newest_ts = std::max(placed.newest_ts, head.ts_recv);
  return std::nullopt;
}

std::optional<Refusal> BatchIntake::place_instrument(std::uint8_t* record, Placed& placed) {
  auto& definition = *reinterpret_cast<Instrument*>(record);
  const std::uint32_t local = definition.head.instrument;
  if (local == 0 || local > numbers_.instruments_max()) {
    return refuse(local == 0 ? wire::Code::kMalformed : wire::Code::kLimit,
                  "defines instrument " + std::to_string(local) + "; numbers go from 1 to " +
                      std::to_string(numbers_.instruments_max()));
  }
  const auto is_exponent = [](std::int8_t exponent) { return exponent <= 0 && exponent >= -18; };
  if (!is_exponent(definition.price_exponent) || !is_exponent(definition.size_exponent)) {
    return refuse(wire::Code::kMalformed, "an exponent is not from -18 to 0");
  }
  if (definition.venue_length == 0 || definition.symbol_length == 0) {
    return refuse(wire::Code::kMalformed, "defines an instrument without a venue or a symbol");
  }
  if (definition.head.frame >> kFrameNumberBits != 0) {
    const std::uint16_t number = numbers_.connection(static_cast<std::uint16_t>(definition.head.frame >> kFrameNumberBits));
    if (number == 0) return refuse(wire::Code::kConnection, "a definition names a connection that is not open");
    definition.head.frame = frame_of(number, definition.head.frame);
  }
  const auto given = context_.definitions.number_of(record, definition.head.cells * kCellBytes);
  if (given.number == 0) return refuse(wire::Code::kLimit, "the server has been given too many definitions");
  numbers_.define(local, given.number);
  definition.head.instrument = given.number;
  placed.skip = !given.is_new;
  placed.definitions += given.is_new ? 1 : 0;
  return std::nullopt;
}

std::optional<Refusal> BatchIntake::place_connection(std::uint8_t* record) {
  auto& connection = *reinterpret_cast<Connection*>(record);
  const auto local = static_cast<std::uint16_t>(connection.head.frame >> kFrameNumberBits);
  if (local == 0) return refuse(wire::Code::kMalformed, "opens or closes connection 0, which is none");
  if (connection.head.instrument != 0) return refuse(wire::Code::kMalformed, "a connection record names an instrument");
  std::uint16_t number = 0;
  switch (static_cast<ConnectionEvent>(connection.event)) {
    case ConnectionEvent::kOpen: {
      const auto* venue = reinterpret_cast<const char*>(record) + sizeof connection;
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
  connection.head.frame = frame_of(number, connection.head.frame);
  return std::nullopt;
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
