// A batch of a client into the ring: checked, its numbers replaced by those of the journal, whole or not at all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ingest/client_numbers.h"
#include "ingest/ingest_context.h"

namespace tickforge {

struct Refusal {
  wire::Code code;
  std::string text;
};

/// Of one client.
class BatchIntake {
 public:
  explicit BatchIntake(IngestContext& context)
      : context_(context),
        numbers_(context.table, context.options.instruments_per_client, context.options.connections_per_client) {}

  /// Keeps the batch in the appender, whose space for `bytes` the caller has made sure of; or says why not, and nothing has
  /// changed. `payload` need not be aligned.
  std::optional<Refusal> take(const std::uint8_t* payload, std::size_t bytes);

  /// The client is gone: a gap and a close record for each connection that is still open. False when there was no room for
  /// all of them: to be called again.
  bool end_connections();

 private:
  struct Placed;
  std::optional<Refusal> place(std::uint8_t* record, Placed& placed);
  std::optional<Refusal> place_instrument(std::uint8_t* record, Placed& placed);
  std::optional<Refusal> place_connection(std::uint8_t* record);
  std::optional<Refusal> walk(std::uint8_t* cells, std::size_t bytes, Placed& placed);

  IngestContext& context_;
  ClientNumbers numbers_;
  std::int64_t newest_ts_ = 0;
};

}  // namespace tickforge
