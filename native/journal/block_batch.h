// Sealed blocks that go to the disk in one write.
//
// They are copied out of the rings into memory that the disk can read directly (O_DIRECT): of all ways to the disk that is
// the one that costs the least, because the kernel needs no fresh page for each page written. It also makes the CRC true
// of what is written whatever a producer does to its ring meanwhile.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "format/segment.h"
#include "journal/block_draft.h"
#include "journal/lane.h"

namespace tickforge {

/// What a block's header says besides what its records give.
struct BlockPlace {
  std::uint64_t segment_id = 0;
  std::uint64_t block_number = 0;
  std::uint64_t first_record = 0;
};

class BlockBatch {
 public:
  static constexpr std::size_t kBlocksMax = 64;

  BlockBatch();

  bool empty() const { return count_ == 0; }
  bool full() const { return count_ == kBlocksMax; }
  std::size_t size() const { return count_; }
  std::size_t room() const { return kBlocksMax - count_; }
  const BlockHeader& header(std::size_t i) const { return headers_[i]; }
  std::uint64_t bytes() const { return bytes_; }
  /// What a block takes from a ring.
  struct Source {
    Lane* lane = nullptr;  // null for a block without cells of a ring
    std::uint32_t end = 0;  // position behind its last cell
    std::uint32_t records = 0;
  };
  const Source& source(std::size_t i) const { return sources_[i]; }

  /// What is to be written next. It begins aligned to kBlockAlign unless a write stopped elsewhere.
  const std::uint8_t* unwritten() const { return memory_.get() + written_; }
  std::uint64_t unwritten_bytes() const { return bytes_ - written_; }
  std::uint64_t written_bytes() const { return written_; }
  void advance(std::uint64_t written);

  /// Seals the lane's draft as the next block. The ring's cells stay in place until they are given back.
  void add(Lane& lane, const BlockPlace& place, std::uint16_t extra_flags);
  /// Adds a block without records, at a time that changes no order.
  void add_trailer(const BlockPlace& place, std::int64_t ts_recv, std::uint16_t flags);
  void clear();

 private:
  struct Free {
    void operator()(std::uint8_t* memory) const;
  };

  BlockHeader& next(const BlockPlace& place);
  void finish(BlockHeader& header);

  std::array<BlockHeader, kBlocksMax> headers_{};
  std::array<Source, kBlocksMax> sources_{};
  std::unique_ptr<std::uint8_t, Free> memory_;  // for kBlocksMax blocks
  std::size_t count_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t written_ = 0;
};

/// CRC and constant fields of a header whose other fields are set.
void seal_header(BlockHeader& header);

}  // namespace tickforge
