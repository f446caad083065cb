// Reads the blocks of one segment in order, while a recorder may append to it.
//
// Everything is read with pread into memory of our own: a file that is cut or loses a page meanwhile ends early or gives
// an error, where a mapping would raise SIGBUS.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "format/segment.h"

namespace tickforge {

/// Readers may read whatever is whole.
inline constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

/// Where a cursor goes on; the default is the beginning.
struct CursorPlace {
  std::optional<std::uint64_t> segment_id;
  std::uint64_t offset = 0;
  std::uint64_t block_number = 0;
  /// Number of the first record of the block there.
  std::uint64_t record = 0;
  /// Largest ts_recv before it.
  std::int64_t running_max = kNoneI64;
  /// The block before closed the segment.
  bool closed = false;
};

class SegmentCursor {
 public:
  /// Errors: TF_NO_DIRECTORY when there is no such file, TF_IO.
  static Result<SegmentCursor> open(const std::string& path, const CursorPlace& place = {});

  /// Looks for the next whole block in the first `limit` bytes; true when there is one, whose header() says what it is. What
  /// cannot be read before it becomes a gap record. With kUnlimited the log ends as docs/FORMAT.md says ("End of the
  /// log"); below a limit everything must be there. Errors: TF_IO, TF_NEWER_FORMAT, TF_FOREIGN_DIRECTORY, TF_CORRUPT when
  /// the file ends before its limit.
  Result<bool> peek(std::uint64_t limit);
  /// Reads the records of the block that peek() found; false when they cannot be read: peek again, for the one behind.
  Result<bool> load();
  /// Behind the block that peek() found.
  void advance();
  /// The gap record that stands before the block that peek() found, or behind the last one; once.
  std::optional<Gap> take_gap();

  const BlockHeader& header() const { return header_; }
  /// Of a loaded block; header().payload_length bytes, until the next call of peek().
  const std::uint8_t* payload() const { return payload_; }
  std::uint32_t producer() const { return header_.flags >> kBlockProducerShift; }

  const std::string& path() const { return path_; }
  std::optional<std::uint64_t> segment_id() const { return place_.segment_id; }
  /// Of the next block.
  std::uint64_t offset() const { return place_.offset; }
  std::uint64_t record() const { return place_.record; }
  /// The last block that was passed closed the segment.
  bool closed() const { return place_.closed; }

 private:
  /// Records that cannot be read: numbers, and the times around them.
  struct Lost {
    std::uint64_t first = 0;
    std::uint64_t end = 0;
    std::int64_t ts_before = kNoneI64;
    std::int64_t ts_after = kNoneI64;
  };

  SegmentCursor(UniqueFd fd, std::string path, const CursorPlace& place)
      : fd_(std::move(fd)), path_(std::move(path)), place_(place) {}

  /// `length` bytes at `offset` in the window; null beyond the end of the file.
  Result<const std::uint8_t*> bytes_at(std::uint64_t offset, std::size_t length);
  bool is_next(const BlockHeader& header) const;
  /// Goes on behind bytes that are no block, from `offset` on; false when no whole block follows.
  Result<bool> skip_damage(std::uint64_t offset, std::uint64_t limit);
  bool changed_since_end();
  void lose(std::uint64_t first, std::uint64_t end, std::int64_t ts_after);

  UniqueFd fd_;
  std::string path_;
  CursorPlace place_;
  BlockHeader header_{};
  bool found_ = false;
  const std::uint8_t* payload_ = nullptr;
  std::uint64_t limit_ = kUnlimited;
  std::optional<Lost> lost_;
  /// The file when its end was last found: until it changes there is nothing new to be looked for.
  bool at_end_ = false;
  struct stat end_seen_ {};

  std::vector<std::uint8_t> window_;
  std::uint64_t window_begin_ = 0;
  std::size_t window_bytes_ = 0;
};

}  // namespace tickforge
