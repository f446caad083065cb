// What the clients of one server share.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ingest/definition_register.h"
#include "ingest/ingest_options.h"
#include "ingest/ring_appender.h"
#include "lines/cell_buffer.h"
#include "lines/instrument_book.h"
#include "lines/line_ingest.h"

namespace tickforge {

/// For rows of text: the instruments that they name, and the records of one call on their way to the ring.
struct LineContext {
  LineContext(const IngestOptions& options, ProducerTable& table)
      : book([&table] { return table.claim_instrument(); }, options.definitions_max),
        ingest(options.mapping, book, limits_of(options)),
        out(std::max(ingest.cells_min(), kCellsMin)) {}

  static LineLimits limits_of(const IngestOptions& options) {
    return {options.line_bytes_max, options.line_columns_max};
  }

  static constexpr std::uint32_t kCellsMin = 2048;

  InstrumentBook book;
  LineIngest ingest;
  CellBuffer out;
};

/// The server thread's.
struct IngestContext {
  IngestContext(const IngestOptions& all_options, SpscRing& ring, ProducerTable& producers, IngestStats& counters)
      : options(all_options),
        appender(ring),
        table(producers),
        definitions(producers, all_options.definitions_max),
        lines(all_options, producers),
        stats(counters) {}

  const IngestOptions& options;
  RingAppender appender;
  ProducerTable& table;
  DefinitionRegister definitions;
  LineContext lines;
  IngestStats& stats;
  std::int64_t now = 0;        // realtime, ns, of the read that is being handled
  bool wants_durable = false;  // somebody waits for a sync of what was appended
};

}  // namespace tickforge
