// The line protocol's way from bytes to records, as a server drives it, with its output gathered.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "format/record_check.h"
#include "lines/line_ingest.h"

namespace tickforge::testing {

inline constexpr std::int64_t kRunTime = 1'700'000'000'000'000'000;

class LineRun {
 public:
  explicit LineRun(const LineMapping& mapping = default_line_mapping(), LineLimits limits = {}, std::uint32_t cells = 0)
      : book_([this] { return ++claimed_; }),
        ingest_(mapping, book_, limits),
        out_(std::max(cells, ingest_.cells_min())) {
    source.connection = 7;
  }

  /// Gives the bytes in pieces of `piece` (0 = at once), what was not taken again each time, as a server does.
  FeedStatus feed(std::string_view bytes, std::size_t piece = 0, bool at_end = false) {
    FeedStatus status = FeedStatus::kNeedMore;
    if (piece == 0) piece = std::max<std::size_t>(bytes.size(), 1);
    for (std::size_t at = 0; at < bytes.size() && status != FeedStatus::kTooLong; at += piece) {
      rest_.append(bytes.substr(at, piece));
      status = take(at_end && at + piece >= bytes.size());
    }
    return status;
  }

  /// Bytes that the server would keep.
  const std::string& rest() const { return rest_; }
  const std::vector<std::uint8_t>& cells() const { return cells_; }
  const LineCounts& counts() const { return ingest_.counts(); }
  const InstrumentBook& book() const { return book_; }
  LineIngest& ingest() { return ingest_; }
  /// Times that the output was full.
  std::uint64_t full() const { return full_; }

  /// Whole records; empty if the cells are none.
  std::vector<const RecordHead*> records() const {
    std::vector<const RecordHead*> found;
    for (std::size_t at = 0; at < cells_.size();) {
      const auto& head = *reinterpret_cast<const RecordHead*>(cells_.data() + at);
      const std::size_t bytes = head.cells * kCellBytes;
      if (bytes == 0 || bytes > cells_.size() - at || !contents_hold(head)) return {};
      found.push_back(&head);
      at += bytes;
    }
    return found;
  }
  std::vector<const RecordHead*> records(RecordType type) const {
    auto found = records();
    std::erase_if(found, [type](const RecordHead* head) { return head->type != static_cast<std::uint8_t>(type); });
    return found;
  }

  LineSource source;

 private:
  FeedStatus take(bool at_end) {
    while (true) {
      const FeedResult result =
          ingest_.feed(source, rest_.data(), rest_.data() + rest_.size(), kRunTime, at_end, out_);
      rest_.erase(0, result.consumed);
      cells_.insert(cells_.end(), out_.data(), out_.data() + std::size_t{out_.size()} * kCellBytes);
      out_.clear();
      if (result.status != FeedStatus::kFull) return result.status;
      full_ += 1;
    }
  }

  std::uint32_t claimed_ = 0;
  InstrumentBook book_;
  LineIngest ingest_;
  CellBuffer out_;
  std::string rest_;
  std::vector<std::uint8_t> cells_;
  std::uint64_t full_ = 0;
};

template <typename Record>
const Record& as(const RecordHead* head) {
  return *reinterpret_cast<const Record*>(head);
}

/// Bytes behind the first cell.
inline std::string_view text_behind(const RecordHead* head, std::size_t offset, std::size_t length) {
  return {reinterpret_cast<const char*>(head) + kCellBytes + offset, length};
}

}  // namespace tickforge::testing
