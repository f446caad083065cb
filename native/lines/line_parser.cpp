#include "lines/line_parser.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "format/record.h"
#include "lines/short_bytes.h"

namespace tickforge {
namespace {

enum CharClass : std::uint8_t {
  kComma = 1,
  kSpace = 2,
  kEquals = 4,
  kNewline = 8,
  kBackslash = 16,
  kQuote = 32,
};

constexpr std::array<std::uint8_t, 256> kClasses = [] {
  std::array<std::uint8_t, 256> classes{};
  classes[','] = kComma;
  classes[' '] = kSpace;
  classes['='] = kEquals;
  classes['\n'] = kNewline;
  classes['\\'] = kBackslash;
  classes['"'] = kQuote;
  return classes;
}();

constexpr std::uint8_t kTagEnd = kComma | kSpace | kNewline;
constexpr std::uint8_t kNameEnd = kComma | kSpace | kNewline | kEquals;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// So many digits fit 64 bits whatever they are.
constexpr std::ptrdiff_t kFastDigits = 19;

/// Takes digits from `at` on into `value`, which means nothing if they are more than kFastDigits. Returns where they end.
inline const char* take_digits(const char* at, const char* end, std::uint64_t& value) {
  // Eight at a time: a nibble of 3 and no carry out of 9 in each byte, then pairs, fours and eights are added up.
  for (; end - at >= 8; at += 8) {
    auto eight = load<std::uint64_t>(at);
    if (((eight & (eight + 0x0606060606060606)) & 0xF0F0F0F0F0F0F0F0) != 0x3030303030303030) break;
    eight = (eight & 0x0F0F0F0F0F0F0F0F) * 2561 >> 8;
    eight = (eight & 0x00FF00FF00FF00FF) * 6553601 >> 16;
    eight = (eight & 0x0000FFFF0000FFFF) * 42949672960001 >> 32;
    value = value * 100'000'000 + eight;
  }
  for (; at != end && is_digit(*at); ++at) value = value * 10 + static_cast<std::uint64_t>(*at - '0');
  return at;
}

bool whole_number(std::string_view text, ExactNumber& number) {
  return text.find_first_not_of("+-0123456789") == std::string_view::npos &&
         read_number(text, number) == NumberStatus::kNumber;
}

LineValueKind kind_of(NumberStatus status) {
  if (status == NumberStatus::kNumber) return LineValueKind::kNumber;
  return status == NumberStatus::kTooLarge ? LineValueKind::kTooLarge : LineValueKind::kNull;
}

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool ends_value(char c) { return (kClasses[static_cast<std::uint8_t>(c)] & kTagEnd) != 0; }

/// What a number is by the letter behind it, '\0' for none; false when it needs a closer look.
bool kind_by_suffix(char suffix, LineColumn& column) {
  switch (suffix) {
    case '\0':
    case 'd':
      column.kind = LineValueKind::kNumber;
      return true;
    case 'i':
      column.kind = LineValueKind::kInteger;
      return column.number.exponent == 0;
    case 't':
    case 'n':
      column.kind = LineValueKind::kTime;
      return column.number.exponent == 0 &&
             time_of_number(column.number, suffix == 't' ? TimeUnit::kMicroseconds : TimeUnit::kNanoseconds,
                            column.time);
    default:
      return false;
  }
}

/// What a value without quotes is, by its last character and its form.
void classify(LineColumn& column) {
  const std::string_view text = column.text;
  const std::string_view body = text.substr(0, text.size() - 1);
  const char suffix = text.back();
  if ((suffix == 't' || suffix == 'n') && whole_number(body, column.number)) {
    const auto unit = suffix == 't' ? TimeUnit::kMicroseconds : TimeUnit::kNanoseconds;
    column.kind = time_of_number(column.number, unit, column.time) ? LineValueKind::kTime : LineValueKind::kTooLarge;
    return;
  }
  const bool number = suffix == 'd' || suffix == 'i';
  const auto status = read_number(number ? body : text, column.number);
  if (status != NumberStatus::kNotANumber) {
    const bool whole = suffix != 'i' || body.find_first_not_of("+-0123456789") == std::string_view::npos;
    column.kind = whole ? kind_of(status) : LineValueKind::kWord;
    if (suffix == 'i' && column.kind == LineValueKind::kNumber) column.kind = LineValueKind::kInteger;
    return;
  }
  column.kind = LineValueKind::kWord;
  if (one_of(text, {"t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE"})) {
    column.kind = LineValueKind::kBoolean;
    column.bits = text.front() == 't' || text.front() == 'T' ? 1 : 0;
  } else if (is_none(text) || text == "NaNd") {
    column.kind = LineValueKind::kNull;
  } else if (one_of(suffix == 'd' ? body : text, {"Infinity", "+Infinity", "-Infinity", "inf", "-inf"})) {
    column.kind = LineValueKind::kTooLarge;
  }
}

enum class Outcome : std::uint8_t { kDone, kMore, kFault };

/// One pass over one line. Whatever it takes for a line's end is one for LineScan as well; line_fuzz.cpp checks that.
/// Its functions return false when the pass is over: outcome_ says how.
class LinePass {
 public:
  LinePass(const char* begin, const char* end, bool at_end, TimeUnit unit, std::vector<LineColumn>& columns,
           char* plain, LineRow& row, LineFault& fault)
      : begin_(begin), at_(begin), end_(end), at_end_(at_end), unit_(unit), columns_(columns), plain_(plain),
        row_(row), fault_(fault) {}

  Outcome run() {
    row_.time = kNoneI64;
    row_.binary = false;
    if (!row()) return outcome_;
    row_.line = {begin_, static_cast<std::size_t>(at_ - begin_ - (returned_ ? 1 : 0))};
    row_.columns = {columns_.data(), count_};
    if (at_ != end_) ++at_;
    return Outcome::kDone;
  }

  const char* at() const { return at_; }

 private:
  bool fault(const char* what) {
    fault_ = {static_cast<std::uint32_t>(at_ - begin_), what};
    outcome_ = Outcome::kFault;
    return false;
  }
  bool more() {
    outcome_ = Outcome::kMore;
    return false;
  }
  /// The bytes end inside a value.
  bool cut() { return at_end_ ? fault("the line ends inside a value") : more(); }
  /// Whether there is something to peek() at: where a body ends, a newline is.
  bool at_hand() { return at_ != end_ || at_end_ || more(); }
  char peek() const { return at_ == end_ ? '\n' : *at_; }
  bool holds(std::size_t bytes) const { return static_cast<std::size_t>(end_ - at_) >= bytes; }

  bool row() {
    if (!token<kTagEnd>(row_.table)) return false;
    if (row_.table.empty()) return fault("expected a table's name");
    while (peek() == ',') {
      ++at_;
      if (!tag()) return false;
    }
    if (peek() == ' ' && !fields()) return false;
    return count_ != 0 || fault("a row without columns");
  }

  /// Reads up to one of kEnd, which becomes the next character.
  template <std::uint8_t kEnd>
  bool token(std::string_view& text) {
    constexpr std::uint8_t kStop = kEnd | kBackslash;
    const char* const from = at_;
    while (at_ != end_ && (kClasses[static_cast<std::uint8_t>(*at_)] & kStop) == 0) ++at_;
    if (at_ != end_ && *at_ == '\\') return escaped_token<kEnd>(from, text);
    text = {from, static_cast<std::size_t>(at_ - from)};
    return ended(text);
  }

  /// The rest of a token from its first backslash on: the backslashes are left out.
  template <std::uint8_t kEnd>
  bool escaped_token(const char* from, std::string_view& text) {
    char* to = std::copy(from, at_, plain_);
    for (; at_ != end_ && (kClasses[static_cast<std::uint8_t>(*at_)] & kEnd) == 0; ++at_) {
      if (*at_ == '\\' && ++at_ == end_) return cut();
      *to++ = *at_;
    }
    text = {plain_, static_cast<std::size_t>(to - plain_)};
    plain_ = to;
    return ended(text);
  }

  /// Takes the carriage return of a line's end off a token that reached it.
  bool ended(std::string_view& text) {
    if (!at_hand()) return false;
    if (peek() == '\n' && !text.empty() && text.back() == '\r') {
      text.remove_suffix(1);
      returned_ = true;
    }
    return true;
  }

  bool add_column(std::string_view name, LineColumn*& column) {
    if (count_ == columns_.size()) return fault("too many columns");
    column = &columns_[count_++];
    column->name = name;
    return true;
  }

  bool tag() {
    std::string_view name;
    LineColumn* column = nullptr;
    if (!token<kNameEnd>(name)) return false;
    if (name.empty()) return fault("expected a tag's name");
    if (peek() != '=') return fault("expected '=' behind a tag's name");
    if (!add_column(name, column)) return false;
    ++at_;
    column->kind = LineValueKind::kSymbol;
    return token<kTagEnd>(column->text);
  }

  bool skip_spaces() {
    while (at_ != end_ && *at_ == ' ') ++at_;
    return at_hand();
  }

  bool fields() {
    if (!skip_spaces()) return false;
    for (bool first = true;; first = false) {
      const char* const from = at_;
      std::string_view name;
      LineColumn* column = nullptr;
      if (!token<kNameEnd>(name)) return false;
      if (peek() != '=') {
        if (!first || peek() == ',') return fault("expected '=' behind a field's name");
        at_ = from;  // no field: the row's timestamp
        return timestamp();
      }
      if (name.empty()) return fault("expected a field's name");
      if (!add_column(name, column)) return false;
      ++at_;
      if (!at_hand()) return false;
      if (!(peek() == '=' ? binary(*column) : peek() == '"' ? string(*column) : bare(*column))) return false;
      if (peek() == '\n') return true;
      if (*at_++ == ' ') return timestamp();
    }
  }

  /// What follows a string or a binary value.
  bool behind_value() {
    if (!at_hand()) return false;
    if (peek() == '\r') {
      if (!holds(2) && !at_end_) return more();
      if (!holds(2) || at_[1] == '\n') {
        ++at_;
        returned_ = true;
      }
    }
    if ((kClasses[static_cast<std::uint8_t>(peek())] & kTagEnd) != 0) return true;
    return fault("expected ',', ' ' or the line's end behind a value");
  }

  bool timestamp() {
    if (!skip_spaces()) return false;
    if (peek() != '\n' && peek() != '\r' && !time()) return false;
    if (!skip_spaces()) return false;
    std::string_view rest(at_, static_cast<std::size_t>(holds(1) && *at_ == '\r' ? 1 : 0));
    at_ += rest.size();
    if (!ended(rest)) return false;
    return peek() == '\n' || fault("expected the line's end behind the timestamp");
  }

  /// The row's own time: digits, and t or n where the unit is not the connection's.
  bool time() {
    ExactNumber number;
    number.negative = *at_ == '-';
    const char* const digits = at_ + (number.negative ? 1 : 0);
    const char* at = take_digits(digits, end_, number.magnitude);
    const std::ptrdiff_t count = at - digits;
    TimeUnit unit = unit_;
    if (at == end_ && !at_end_) return more();
    if (at != end_ && (*at == 't' || *at == 'n')) {
      unit = *at++ == 't' ? TimeUnit::kMicroseconds : TimeUnit::kNanoseconds;
    }
    if (count < 1 || count > kFastDigits || !time_of_number(number, unit, row_.time)) {
      return fault("expected a timestamp");
    }
    at_ = at;
    return true;
  }

  bool string(LineColumn& column) {
    const char* const from = ++at_;
    while (at_ != end_ && (kClasses[static_cast<std::uint8_t>(*at_)] & (kQuote | kBackslash | kNewline)) == 0) ++at_;
    if (at_ != end_ && *at_ == '\\') {
      char* to = std::copy(from, at_, plain_);
      for (; at_ != end_ && (kClasses[static_cast<std::uint8_t>(*at_)] & (kQuote | kNewline)) == 0; ++at_) {
        if (*at_ == '\\' && ++at_ == end_) return cut();
        *to++ = *at_;
      }
      column.text = {plain_, static_cast<std::size_t>(to - plain_)};
      plain_ = to;
    } else {
      column.text = {from, static_cast<std::size_t>(at_ - from)};
    }
    if (at_ == end_) return cut();
    if (*at_ == '\n') return fault("a string is not closed");
    ++at_;
    column.kind = LineValueKind::kString;
    return behind_value();
  }

  /// A number, a time, a boolean or a word.
  bool bare(LineColumn& column) {
    const char* const from = at_;
    const char* at = from;
    const bool negative = peek() == '-';
    if (negative || peek() == '+') ++at;
    std::uint64_t magnitude = 0;
    const char* const digits = at;
    at = take_digits(at, end_, magnitude);
    std::ptrdiff_t count = at - digits;
    std::ptrdiff_t decimals = 0;
    if (at != end_ && *at == '.') {
      const char* const point = at++;
      at = take_digits(at, end_, magnitude);
      decimals = at - point - 1;
      count += decimals;
    }
    // Most values end here; what is longer or ends otherwise is looked at in whole.
    if (count >= 1 && count <= kFastDigits && end_ - at >= 2) {
      const char suffix = ends_value(at[0]) ? '\0' : at[0];
      const char* const behind = suffix == '\0' ? at : at + 1;
      column.number = {magnitude, -static_cast<std::int32_t>(decimals), negative, true};
      if (ends_value(*behind) && kind_by_suffix(suffix, column)) {
        column.text = {from, static_cast<std::size_t>(behind - from)};
        at_ = behind;
        return true;
      }
    }
    while (at != end_ && (kClasses[static_cast<std::uint8_t>(*at)] & kTagEnd) == 0) ++at;
    at_ = at;
    column.text = {from, static_cast<std::size_t>(at - from)};
    if (!ended(column.text)) return false;
    if (column.text.empty()) return fault("expected a value");
    classify(column);
    return true;
  }

  bool binary(LineColumn& column) {
    row_.binary = true;
    if (!holds(2)) return cut();
    const auto type = static_cast<std::uint8_t>(at_[1]);
    if (type == kBinaryArray) return array(column);
    if (type == kBinaryDouble) {
      if (!holds(10)) return cut();
      column.text = {};
      column.bits = load<std::uint64_t>(at_ + 2);
      at_ += 10;
      column.kind = LineValueKind::kDouble;
      if ((column.bits >> 52 & 0x7FF) == 0x7FF) {
        column.kind = column.bits << 12 == 0 ? LineValueKind::kTooLarge : LineValueKind::kNull;
      }
      return behind_value();
    }
    if (type != kBinaryDecimal) return fault("unknown type of a binary value");
    if (!holds(4)) return cut();
    const auto scale = static_cast<std::uint8_t>(at_[2]);
    const std::size_t length = static_cast<std::uint8_t>(at_[3]);
    if (!holds(4 + length)) return cut();
    column.text = {};
    column.kind = kind_of(number_of_binary({at_ + 4, length}, scale, column.number));
    if (column.kind == LineValueKind::kNumber) column.kind = LineValueKind::kDecimal;
    at_ += 4 + length;
    return behind_value();
  }

  bool array(LineColumn& column) {
    if (!holds(3)) return cut();
    const auto element = static_cast<std::uint8_t>(at_[2]);
    if (element == kArrayIsNull) {
      at_ += 3;
      column.kind = LineValueKind::kNull;
      return behind_value();
    }
    if (element != kArrayOfDoubles) return fault("unknown type of an array's elements");
    if (!holds(4)) return cut();
    column.dimensions = static_cast<std::uint8_t>(at_[3]);
    if (column.dimensions == 0 || column.dimensions > kArrayDimensionsMax) {
      return fault("an array of no dimensions, or of too many");
    }
    const std::size_t head = 4 + std::size_t{4} * column.dimensions;
    if (!holds(head)) return cut();
    std::size_t elements = 1;
    for (std::size_t at = 4; at < head; at += 4) {
      elements *= load<std::uint32_t>(at_ + at);
      if (elements > (std::size_t{1} << 31)) elements = std::size_t{1} << 31;
    }
    if (!holds(head + 8 * elements)) return cut();
    column.rows = load<std::uint32_t>(at_ + 4);
    column.text = {at_ + head, 8 * elements};
    at_ += head + 8 * elements;
    column.kind = LineValueKind::kArray;
    return behind_value();
  }

  const char* const begin_;
  const char* at_;
  const char* const end_;
  const bool at_end_;
  const TimeUnit unit_;
  std::vector<LineColumn>& columns_;
  std::size_t count_ = 0;
  char* plain_;
  LineRow& row_;
  LineFault& fault_;
  Outcome outcome_ = Outcome::kDone;
  bool returned_ = false;  // the line ends with \r\n
};

}  // namespace

bool is_none(std::string_view text) {
  return text.empty() || one_of(text, {"None", "none", "null", "NULL", "NaN", "nan"});
}

bool time_of_number(const ExactNumber& number, TimeUnit unit, std::int64_t& time) {
  constexpr std::array<int, 4> kDecimals = {0, 3, 6, 9};  // of a nanosecond, by TimeUnit
  return mantissa_at(number, kDecimals[static_cast<std::size_t>(unit)], time);
}

LineParser::LineParser(LineLimits limits)
    : limits_(limits), columns_(limits.columns_max), plain_(limits.line_bytes_max) {}

LineStatus LineParser::next(const char* begin, const char* end, LineScan& scan, TimeUnit unit, bool at_end,
                            std::size_t& consumed) {
  const char* from = begin;
  while (from != end && (*from == '\n' || (*from == '\r' && end - from > 1 && from[1] == '\n'))) ++from;
  if (from != begin) scan.reset();  // it had seen the beginning of an empty line
  consumed = static_cast<std::size_t>(from - begin);
  if (from == end) return LineStatus::kIncomplete;

  const auto size = static_cast<std::size_t>(end - from);
  const char* const limit = from + std::min<std::size_t>(size, limits_.line_bytes_max);
  const bool last = at_end && limit == end;
  const auto incomplete = [&] {
    return size >= limits_.line_bytes_max ? LineStatus::kTooLong : LineStatus::kIncomplete;
  };
  if (scan.seen() != 0 && !scan.advance(from, limit) && !last) return incomplete();

  LinePass pass(from, limit, last, unit, columns_, plain_.data(), row_, fault_);
  const Outcome outcome = pass.run();
  if (outcome == Outcome::kDone) {
    scan.reset();
    consumed = static_cast<std::size_t>(pass.at() - begin);
    return LineStatus::kRow;
  }
  // Where a line that cannot be read ends is for the scan to say.
  scan.reset();
  const bool ended = scan.advance(from, limit);
  if (!ended && !last) return incomplete();
  if (outcome == Outcome::kMore) fault_ = {static_cast<std::uint32_t>(scan.seen()), "the line cannot be read"};
  row_ = LineRow{};
  row_.line = {from, scan.seen() - (ended ? 1 : 0)};
  row_.binary = row_.line.find("==") != std::string_view::npos;
  consumed += scan.seen();
  scan.reset();
  return LineStatus::kFault;
}

}  // namespace tickforge
