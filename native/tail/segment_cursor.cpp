#include "tail/segment_cursor.h"


#include <algorithm>
#include <cstring>

#include "base/crc32c.h"
#include "base/own_file.h"
#include "format/loss_records.h"
#include "journal/block_walk.h"
#include "journal/file_window.h"

namespace tickforge {
namespace {

/// Read at once: several blocks of a busy recorder.
constexpr std::size_t kReadAhead = 4 * kBlockBytesTarget;

}  // namespace

Result<SegmentCursor> SegmentCursor::open(const std::string& path, const CursorPlace& place) {
  UniqueFd fd = open_for_reading(path);
  if (!fd) return system_error(errno == ENOENT ? "TF_NO_DIRECTORY" : "TF_IO", "opening", path, errno);
  return SegmentCursor(std::move(fd), path, place);
}

Result<const std::uint8_t*> SegmentCursor::bytes_at(std::uint64_t offset, std::size_t length) {
  const bool held = offset >= window_begin_ && offset + length <= window_begin_ + window_bytes_;
  if (!held) {
    // What lies behind the limit may still change: a window must not keep it.
    const std::uint64_t room = limit_ == kUnlimited ? kReadAhead : std::min<std::uint64_t>(kReadAhead, limit_ - offset);
    const std::size_t wanted = std::max(length, static_cast<std::size_t>(room));
    if (window_.size() < wanted) window_.resize(wanted);
    window_bytes_ = 0;
    auto read = read_fully(fd_.get(), path_, window_.data(), wanted, offset);
    if (!read) return read.error();
    window_begin_ = offset;
    window_bytes_ = read.value();
    if (window_bytes_ < length) {
      // Not to be taken for what stands there later.
      window_bytes_ = 0;
      return static_cast<const std::uint8_t*>(nullptr);
    }
  }
  return static_cast<const std::uint8_t*>(window_.data() + (offset - window_begin_));
}

bool SegmentCursor::is_next(const BlockHeader& header) const {
  return header_holds(header) && header.block_number == place_.block_number &&
         (!place_.segment_id || header.segment_id == *place_.segment_id);
}

bool SegmentCursor::changed_since_end() {
  struct stat now {};
  if (::fstat(fd_.get(), &now) != 0) return true;
  const bool same = now.st_size == end_seen_.st_size && now.st_mtim.tv_sec == end_seen_.st_mtim.tv_sec &&
                    now.st_mtim.tv_nsec == end_seen_.st_mtim.tv_nsec;
  end_seen_ = now;
  return !same;
}

Result<bool> SegmentCursor::peek(std::uint64_t limit) {
  if (found_) return true;
  payload_ = nullptr;
  limit_ = limit;
  if (at_end_ && limit == kUnlimited && !changed_since_end()) return false;
  at_end_ = false;
  for (;;) {
    if (limit != kUnlimited && place_.offset >= limit) return false;
    auto bytes = bytes_at(place_.offset, sizeof(BlockHeader));
    if (!bytes) return bytes.error();
    if (bytes.value() != nullptr) {
      std::memcpy(&header_, bytes.value(), sizeof header_);
      if (is_next(header_)) {
        if (!place_.segment_id) {
          // A segment's id is that of its first whole block: this one has to prove that it is.
          found_ = true;
          auto loaded = load();
          if (!loaded) return loaded.error();
          if (!loaded.value()) continue;
        }
        if (lost_) lose(lost_->first, header_.first_record, header_.min_ts_recv);
        found_ = true;
        return true;
      }
      // What was read ahead may be older than the end that we knew.
      window_bytes_ = 0;
    }
    auto skipped = skip_damage(place_.offset, limit);
    if (!skipped || !skipped.value()) return skipped;
  }
}

Result<bool> SegmentCursor::load() {
  if (payload_ != nullptr) return true;
  const std::uint8_t* payload = nullptr;
  // What was read ahead may be older than the rest of the block: a failure counts only when all was read at once.
  for (int attempt = 0; attempt < 2 && payload == nullptr; ++attempt) {
    if (attempt > 0) window_bytes_ = 0;
    auto bytes = bytes_at(place_.offset, sizeof(BlockHeader) + header_.payload_length);
    if (!bytes) return bytes.error();
    if (bytes.value() == nullptr) continue;
    payload = bytes.value() + sizeof(BlockHeader);
    if (crc32c(payload, header_.payload_length) != header_.payload_crc) payload = nullptr;
  }
  if (payload == nullptr) {
    found_ = false;
    window_bytes_ = 0;
    auto skipped = skip_damage(place_.offset + kBlockAlign, limit_);
    if (!skipped) return skipped.error();
    return false;
  }
  if (!place_.segment_id) place_.segment_id = header_.segment_id;
  if (!payload_holds(payload, header_.payload_length)) {
    lose(header_.first_record, header_.first_record + header_.record_count, header_.max_ts_recv);
    advance();
    return false;
  }
  payload_ = payload;
  return true;
}

void SegmentCursor::advance() {
  found_ = false;
  payload_ = nullptr;
  place_.closed = (header_.flags & kBlockLast) != 0;
  place_.offset = align_up(place_.offset + sizeof header_ + header_.payload_length, kBlockAlign);
  place_.block_number = header_.block_number + 1;
  place_.record = header_.first_record + header_.record_count;
  if (header_.record_count > 0) place_.running_max = std::max(place_.running_max, header_.max_ts_recv);
}

void SegmentCursor::lose(std::uint64_t first, std::uint64_t end, std::int64_t ts_after) {
  if (!lost_) lost_ = Lost{first, end, place_.running_max, ts_after};
  lost_->end = end;
  lost_->ts_after = ts_after;
}

Result<bool> SegmentCursor::skip_damage(std::uint64_t offset, std::uint64_t limit) {
  if (limit == kUnlimited) (void)changed_since_end();
  std::optional<WalkedBlock> next;
  const WalkStart start{place_.segment_id, offset, place_.block_number};
  auto walked = walk_blocks(fd_.get(), path_, start, WalkDepth::kHeaders, [&](const WalkedBlock& block) {
    if (!next) next = block;
  });
  if (!walked) return walked.error();
  if (next && next->offset < limit) {
    // Foreign bytes between two blocks whose numbers follow each other took no record away.
    if (next->header.block_number > place_.block_number) {
      lose(place_.record, next->header.first_record, next->header.min_ts_recv);
    }
    place_.offset = next->offset;
    place_.block_number = next->header.block_number;
    place_.record = next->header.first_record;
    return true;
  }
  if (limit == kUnlimited) {
    at_end_ = true;
    return false;
  }
  return Error{"TF_CORRUPT",
               "'" + path_ + "' cannot be read from byte " + std::to_string(place_.offset) + " on, and its recorder wrote " +
                   std::to_string(limit) + " bytes",
               path_, 0};
}

std::optional<Gap> SegmentCursor::take_gap() {
  if (!lost_) return std::nullopt;
  const Lost lost = *lost_;
  lost_.reset();
  // As replay makes it (docs/FORMAT.md, "End of the log").
  Gap gap = make_gap(GapCause::kCorruptBlock, lost.ts_before, lost.ts_after);
  gap.expected_id = lost.first;
  gap.received_id = lost.end;
  return gap;
}

}  // namespace tickforge
