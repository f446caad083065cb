// A batch of a client into the ring: checked, its numbers replaced by those of the journal, whole or not at all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "format/record.h"
#include "ingest/client_numbers.h"
#include "ingest/ingest_context.h"

namespace tickforge {

struct Refusal {
  wire::Code code = wire::Code::kNone;
  std::string text;
};

/// Of one client.
class BatchIntake {
 public:
  explicit BatchIntake(IngestContext& context)
      : context_(context),
        numbers_(context.table, context.options.instruments_per_client, context.options.connections_per_client) {}

  /// Keeps the batch, which stands in the first `bytes` bytes of the appender's space; or says why not, and nothing but that
  /// space has changed.
  std::optional<Refusal> take(std::uint8_t* cells, std::size_t bytes);

  /// The client is gone: a gap and a close record for each connection that is still open. False when there was no room for
  /// all of them: to be called again.
  bool end_connections();

 private:
  struct Times;
  struct Placed;
  // False when a record, and for its sake the batch, is refused; refusal_ then says why.
  bool walk(std::uint8_t* cells, std::size_t bytes, Placed& placed);
  bool place_plain(std::uint8_t* cells, std::size_t bytes, Times times, Placed& placed);
  bool place(RecordHead& head, Times times);
  bool place_time(RecordHead& head, Times times);
  bool place_names(RecordHead& head, bool needs_instrument);
  bool place_instrument(RecordHead& head, bool& is_new);
  bool place_connection(RecordHead& head);
  bool check_gap(const RecordHead& head);
  bool refuse(wire::Code code, std::string text);
  bool refuse_record(wire::Code code, const RecordHead& head);

  IngestContext& context_;
  ClientNumbers numbers_;
  std::int64_t newest_ts_ = 0;
  Refusal refusal_;
};

}  // namespace tickforge
