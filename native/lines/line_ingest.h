// Bytes of a line protocol connection to records: parser, mapping and instruments put together. What a server calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "lines/cell_buffer.h"
#include "lines/instrument_book.h"
#include "lines/line_mapping.h"
#include "lines/line_parser.h"

namespace tickforge {

/// What became of the lines. Every line that is not empty counts in exactly one of trades, quotes, books, unmapped,
/// unparseable, unrepresentable.
struct LineCounts {
  std::uint64_t lines = 0;
  std::uint64_t trades = 0;
  std::uint64_t quotes = 0;
  std::uint64_t books = 0;
  std::uint64_t unmapped = 0;
  std::uint64_t unparseable = 0;
  std::uint64_t unrepresentable = 0;
  std::uint64_t left_over = 0;    // rows with columns that their record had no place for
  std::uint64_t definitions = 0;
};

/// One a connection. Over HTTP one a request may be used, if the number of rows is carried on.
struct LineSource {
  std::uint16_t connection = 0;   // its number in the journal, from 1
  std::uint64_t rows = 0;         // lines so far; the next one's frame number is rows + 1
  TimeUnit unit = TimeUnit::kNanoseconds;
  LineScan scan;
  // The first line of this source that could not be taken: 0, or its number.
  std::uint64_t fault_row = 0;
  LineFault fault;
};

enum class FeedStatus : std::uint8_t {
  kNeedMore,  // every whole line is taken; the rest is the beginning of one
  kFull,      // `out` has no room for the next line: hand it over, clear it, call again
  kTooLong,   // what is left is longer than a line may be and was written as text: nothing of this source can follow
};

struct FeedResult {
  std::size_t consumed;
  FeedStatus status;
};

/// One a thread. The instrument book is shared by all that write to the same journal on this thread.
class LineIngest {
 public:
  /// The mapping must pass check_line_mapping(). `book` outlives this.
  LineIngest(const LineMapping& mapping, InstrumentBook& book, LineLimits limits = {});
  ~LineIngest();

  /// Takes whole lines from [begin, end) and appends their records to `out`: all records of a line, or none and kFull.
  /// The bytes that were not consumed must be given again, at the front, with what follows.
  /// ts_recv: when the bytes were read from the socket. With `at_end` the last line needs no newline.
  FeedResult feed(LineSource& source, const char* begin, const char* end, std::int64_t ts_recv, bool at_end,
                  CellBuffer& out);

  /// A connection ended in the middle of a line: keeps [begin, end) as text, unparseable. False when `out` has no room.
  bool keep_torn(LineSource& source, const char* begin, const char* end, std::int64_t ts_recv, CellBuffer& out);

  /// Cells that `out` needs at least (cleared), so that every line fits.
  std::uint32_t cells_min() const;

  const LineCounts& counts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tickforge
