#include "lines/line_ingest.h"

#include <algorithm>

#include "lines/row_mapping.h"
#include "lines/text_record.h"

namespace tickforge {
namespace {

/// A row's own records and, if it has columns left over, its text.
std::uint32_t line_cells_max(std::size_t bytes) { return RowMapper::cells_max(bytes) + text_cells(bytes); }

}  // namespace

struct LineIngest::State {
  State(const LineMapping& mapping, InstrumentBook& instruments, const LineLimits& limits)
      : parser(limits),
        mapper(mapping, instruments, limits),
        book(instruments),
        keep_left_over(mapping.keep_left_over) {}

  void take_row(const LineRow& row, LineSource& source, std::int64_t ts_recv, CellBuffer& out);
  void take_fault(LineSource& source, std::string_view bytes, bool binary, const LineFault& fault, std::int64_t ts_recv,
                  CellBuffer& out);

  LineParser parser;
  RowMapper mapper;
  InstrumentBook& book;
  const bool keep_left_over;
  LineCounts counts;
};

LineIngest::LineIngest(const LineMapping& mapping, InstrumentBook& book, LineLimits limits)
    : state_(std::make_unique<State>(mapping, book, limits)) {}
LineIngest::~LineIngest() = default;

const LineCounts& LineIngest::counts() const { return state_->counts; }

std::uint32_t LineIngest::cells_min() const { return line_cells_max(state_->parser.limits().line_bytes_max); }

void LineIngest::State::take_row(const LineRow& row, LineSource& source, std::int64_t ts_recv, CellBuffer& out) {
  source.rows += 1;
  counts.lines += 1;
  const std::uint64_t frame = frame_of(source.connection, source.rows);
  const std::uint64_t definitions = book.definitions();
  const MappedRow mapped = mapper.map(row, ts_recv, frame, out);
  counts.definitions += book.definitions() - definitions;
  const auto keep = [&](TextReason reason) { write_text(reason, row.binary, row.line, ts_recv, frame, out); };
  switch (mapped.outcome) {
    case RowOutcome::kTrade: counts.trades += 1; break;
    case RowOutcome::kQuote: counts.quotes += 1; break;
    case RowOutcome::kBook: counts.books += 1; break;
    case RowOutcome::kUnmapped:
      counts.unmapped += 1;
      return keep(TextReason::kUnmapped);
    case RowOutcome::kUnrepresentable:
      counts.unrepresentable += 1;
      return keep(TextReason::kUnrepresentable);
  }
  if (!mapped.left_over) return;
  counts.left_over += 1;
  if (keep_left_over) keep(TextReason::kUnmapped);
}

void LineIngest::State::take_fault(LineSource& source, std::string_view bytes, bool binary, const LineFault& fault,
                                   std::int64_t ts_recv, CellBuffer& out) {
  source.rows += 1;
  counts.lines += 1;
  counts.unparseable += 1;
  if (source.fault_row == 0) {
    source.fault_row = source.rows;
    source.fault = fault;
  }
  write_text(TextReason::kUnparseable, binary, bytes, ts_recv, frame_of(source.connection, source.rows), out);
}

FeedResult LineIngest::feed(LineSource& source, const char* begin, const char* end, std::int64_t ts_recv, bool at_end,
                            CellBuffer& out) {
  const char* from = begin;
  const auto result = [&](FeedStatus status) { return FeedResult{static_cast<std::size_t>(from - begin), status}; };
  LineParser& parser = state_->parser;
  while (from != end) {
    std::size_t consumed = 0;
    const LineStatus status = parser.next(from, end, source.scan, source.unit, at_end, consumed);
    if (status == LineStatus::kIncomplete) {
      from += consumed;
      break;
    }
    if (status == LineStatus::kTooLong) {
      from += consumed;
      const std::string_view line(from, parser.limits().line_bytes_max);
      if (out.room() < text_cells(line.size())) return result(FeedStatus::kFull);
      const LineFault fault{static_cast<std::uint32_t>(line.size()), "a line is longer than the limit"};
      state_->take_fault(source, line, true, fault, ts_recv, out);
      source.scan.reset();
      from += line.size();
      return result(FeedStatus::kTooLong);
    }
    // The line is read again when there is room: nothing has been changed by reading it.
    if (out.room() < line_cells_max(parser.row().line.size())) return result(FeedStatus::kFull);
    from += consumed;
    if (status == LineStatus::kRow) {
      state_->take_row(parser.row(), source, ts_recv, out);
    } else {
      state_->take_fault(source, parser.row().line, parser.row().binary, parser.fault(), ts_recv, out);
    }
  }
  return result(FeedStatus::kNeedMore);
}

bool LineIngest::keep_torn(LineSource& source, const char* begin, const char* end, std::int64_t ts_recv,
                           CellBuffer& out) {
  if (begin == end) return true;
  const auto size = static_cast<std::size_t>(end - begin);
  if (out.room() < text_cells(size)) return false;
  const LineFault fault{static_cast<std::uint32_t>(size), "the connection ended inside a line"};
  state_->take_fault(source, {begin, size}, true, fault, ts_recv, out);
  source.scan.reset();
  return true;
}

}  // namespace tickforge
