#include "ingest/line_session.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "base/assert.h"
#include "format/loss_records.h"
#include "ingest/connection_records.h"

namespace tickforge {
namespace {

/// Bytes that follow on a line's beginning are joined with it in pieces, until its end is there.
constexpr std::size_t kJoinBytes = 4096;
/// U+FEFF in UTF-8, which some programs write before a text.
constexpr std::uint8_t kByteOrderMark[] = {0xEF, 0xBB, 0xBF};

}  // namespace

LineSession::~LineSession() {
  if (opened_ && !ended_) {
    context_.table.free_connection(source_.connection);
    context_.stats.connections.subtract();
  }
}

bool LineSession::open() {
  if (opened_) return true;
  const ConnectionTexts texts{context_.options.mapping.venue, url_, {}};
  const std::uint32_t cells = connection_cells(texts);
  std::uint8_t* memory = context_.appender.space(cells);
  if (memory == nullptr) return false;
  // Without a free number the rows are on connection 0, which is none.
  source_.connection = context_.table.claim_connection();
  opened_ = true;
  newest_ts_ = context_.now;
  context_.stats.connections.add();
  if (source_.connection == 0) return true;
  write_connection(memory, ConnectionEvent::kOpen, source_.connection, 0, texts, context_.now);
  context_.appender.keep(cells);
  return true;
}

LineSession::Given LineSession::give(const std::uint8_t* bytes, std::size_t length) {
  if (!begun_) skip_mark(bytes, length);
  const Given given = join(bytes, length);
  // What is behind a line that is too long is no line, wherever the reads of the socket happen to end.
  if (given == Given::kTooLong) kept_.erase_front(kept_.size());
  return given;
}

void LineSession::skip_mark(const std::uint8_t*& bytes, std::size_t& length) {
  for (; length != 0 && mark_bytes_ < std::size(kByteOrderMark); ++bytes, --length) {
    if (*bytes != kByteOrderMark[mark_bytes_]) return keep_torn_mark();
    ++mark_bytes_;
  }
  begun_ = mark_bytes_ == std::size(kByteOrderMark);
}

void LineSession::keep_torn_mark() {
  if (!begun_) kept_.append(kByteOrderMark, mark_bytes_);
  begun_ = true;
}

LineSession::Given LineSession::join(const std::uint8_t* bytes, std::size_t length) {
  std::size_t used = 0;
  bool again = true;  // what is kept has not been offered yet
  while (!kept_.empty()) {
    const std::size_t before = kept_.size();
    const std::size_t joined = std::min(length, kJoinBytes);
    if (!again && joined == 0) return Given::kTaken;
    kept_.append(bytes, joined);
    const Given given = feed(kept_.data(), kept_.size(), false, used);
    again = false;
    if (given != Given::kTaken) {
      kept_.erase_front(used);
      kept_.append(bytes + joined, length - joined);
      return given;
    }
    if (used >= before) {
      // The rest is read where it lies.
      bytes += used - before;
      length -= used - before;
      kept_.erase_front(kept_.size());
    } else {
      kept_.erase_front(used);
      bytes += joined;
      length -= joined;
    }
  }
  if (length == 0) return Given::kTaken;
  const Given given = feed(bytes, length, false, used);
  kept_.append(bytes + used, length - used);
  return given;
}

LineSession::Given LineSession::end_body() {
  keep_torn_mark();
  if (kept_.empty()) return Given::kTaken;
  std::size_t used = 0;
  const Given given = feed(kept_.data(), kept_.size(), true, used);
  kept_.erase_front(used);
  return given;
}

LineSession::Given LineSession::feed(const std::uint8_t* bytes, std::size_t length, bool at_end, std::size_t& used) {
  used = 0;
  if (!open()) return Given::kBlocked;
  LineContext& lines = context_.lines;
  const auto* text = reinterpret_cast<const char*>(bytes);
  while (used < length) {
    if (context_.appender.space(lines.out.capacity()) == nullptr) return Given::kBlocked;
    const FeedResult result = lines.ingest.feed(source_, text + used, text + length, context_.now, at_end, lines.out);
    used += result.consumed;
    publish();
    if (result.status == FeedStatus::kNeedMore) return Given::kTaken;
    if (result.status == FeedStatus::kTooLong) return Given::kTooLong;
  }
  return Given::kTaken;
}

void LineSession::publish() {
  CellBuffer& out = context_.lines.out;
  if (out.size() != 0) {
    std::uint8_t* memory = context_.appender.space(out.size());
    TF_ASSERT(memory != nullptr);
    std::memcpy(memory, out.data(), out.size() * kCellBytes);
    context_.appender.keep(out.size());
    out.clear();
    newest_ts_ = context_.now;
  }
  const LineCounts& counts = context_.lines.ingest.counts();
  context_.stats.lines.set(counts.lines);
  context_.stats.rows.set(counts.trades + counts.quotes + counts.books);
  context_.stats.line_definitions.set(counts.definitions);
}

void LineSession::begin_request(TimeUnit unit) {
  source_.unit = unit;
  source_.fault_row = 0;
  rows_before_ = source_.rows;
  mark_bytes_ = 0;
  begun_ = false;
}

bool LineSession::leave(bool in_order) {
  if (mark_bytes_ != 0) keep_torn_mark();
  if ((!opened_ && kept_.empty()) || ended_) return true;
  if (resume() == Given::kBlocked) return false;
  const ConnectionTexts texts{context_.options.mapping.venue, url_, in_order ? "" : "the client went away"};
  const std::uint32_t cells = 1 + connection_cells(texts);
  LineContext& lines = context_.lines;
  std::uint8_t* memory = context_.appender.space(lines.out.capacity() + cells);
  if (memory == nullptr) return false;
  const auto* text = reinterpret_cast<const char*>(kept_.data());
  const bool kept = lines.ingest.keep_torn(source_, text, text + kept_.size(), context_.now, lines.out);
  TF_ASSERT(kept);
  in_order = in_order && kept_.empty();
  kept_.erase_front(kept_.size());
  publish();
  ended_ = true;
  context_.stats.connections.subtract();
  if (source_.connection == 0) return true;
  if (!in_order) {
    const Gap gap = make_gap(GapCause::kDisconnect, newest_ts_, context_.now, frame_of(source_.connection, 0));
    std::memcpy(context_.appender.space(1), &gap, sizeof gap);
    context_.appender.keep(1);
  }
  memory = context_.appender.space(cells - 1);
  write_connection(memory, ConnectionEvent::kClose, source_.connection, in_order ? kClosedInOrder : kClosedAbnormally,
                   texts, context_.now);
  context_.appender.keep(cells - 1);
  context_.table.free_connection(source_.connection);
  return true;
}

}  // namespace tickforge
