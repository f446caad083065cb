// InfluxDB line protocol as QuestDB's clients send it, versions 1 (text), 2 (binary doubles, arrays) and 3 (decimals):
//
//   table,tag=value,tag=value name=value,name=value timestamp\n
//
// Pure code over bytes. Values are views into the given bytes; names and texts with escapes are views into the parser's
// own memory. Nothing is allocated after construction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lines/exact_number.h"
#include "lines/line_scan.h"

namespace tickforge {

struct LineLimits {
  std::uint32_t line_bytes_max = 64 * 1024;  // newline included
  std::uint32_t columns_max = 4096;          // tags and fields of one row
};

/// Unit of a row's own timestamp where it has no suffix: HTTP's `precision` n, u, ms, s. Over TCP it is n.
enum class TimeUnit : std::uint8_t { kNanoseconds, kMicroseconds, kMilliseconds, kSeconds };

enum class LineValueKind : std::uint8_t {
  kSymbol,    // a tag: text
  kString,    // "text"
  kNumber,    // 1.5 or 1.5d: number
  kInteger,   // 15i: number
  kDecimal,   // a binary decimal: number
  kDouble,    // a binary double: number_of_double(bits)
  kTooLarge,  // a number that no mantissa holds, an infinite one
  kBoolean,   // bits is 0 or 1
  kTime,      // 15t (microseconds) or 15n: time, ns
  kArray,     // doubles: text holds them, little-endian, row-major; rows and dimensions say how
  kNull,      // NaN, None, a null array or decimal
  kWord,      // anything else without quotes
};

struct LineColumn {
  std::string_view name;
  std::string_view text;  // as written: without quotes and escapes, with its suffix; of an array its bytes
  LineValueKind kind = LineValueKind::kNull;
  std::uint8_t dimensions = 0;  // of an array
  std::uint32_t rows = 0;       // length of an array's first dimension
  ExactNumber number;
  std::uint64_t bits = 0;
  std::int64_t time = 0;
};

/// Views hold until the parser's next call and as long as the bytes stay where they are.
struct LineRow {
  std::string_view line;  // without its line end
  std::string_view table;
  std::span<const LineColumn> columns;  // tags first
  std::int64_t time = 0;                // ns since the epoch; kNoneI64 when the row has none
  bool binary = false;                  // has a binary value
};

struct LineFault {
  std::uint32_t position = 0;   // byte in the line, from 0
  const char* what = nullptr;  // a phrase: "expected '=' behind a name"
};

enum class LineStatus : std::uint8_t {
  kRow,         // row() is one
  kFault,       // a whole line that cannot be read: row().line and fault()
  kIncomplete,  // the line's end is not here yet
  kTooLong,     // line_bytes_max bytes are here, and its end is not: nothing can follow
};

/// Words that clients write where they have no value: None, NaN, null, nothing.
bool is_none(std::string_view text);

/// A count of units since the epoch as nanoseconds; false when it is no whole number of them, or too large.
bool time_of_number(const ExactNumber& number, TimeUnit unit, std::int64_t& time);

/// One a thread, for any number of connections: what is left of a connection's line is in its LineScan.
class LineParser {
 public:
  explicit LineParser(LineLimits limits = {});

  /// Reads the first line in [begin, end) that is not empty. `consumed` counts the bytes of empty lines, and those of
  /// the line with its newline if it was one. What comes after them must be given again, with what follows.
  /// `scan` is the connection's, fresh at first. With `at_end` the bytes' end ends a line too: the end of an HTTP body.
  LineStatus next(const char* begin, const char* end, LineScan& scan, TimeUnit unit, bool at_end,
                  std::size_t& consumed);

  const LineRow& row() const { return row_; }
  const LineFault& fault() const { return fault_; }
  const LineLimits& limits() const { return limits_; }

 private:
  LineLimits limits_;
  std::vector<LineColumn> columns_;
  std::vector<char> plain_;  // texts without their escapes
  LineRow row_;
  LineFault fault_;
};

}  // namespace tickforge
