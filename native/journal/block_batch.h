// Sealed blocks that go to the disk in one gathered write, straight from the ring's memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "format/segment.h"
#include "journal/block_draft.h"
#include "journal/gathered_write.h"
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
  static constexpr std::size_t kBlocksMax = 16;

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
  GatheredWrite& write() { return write_; }

  /// Seals the lane's draft as the next block. The draft's own records move here; the ring's stay in place until the batch
  /// is written.
  void add(Lane& lane, const BlockPlace& place, std::uint16_t extra_flags);
  /// Adds a block without records, at a time that changes no order.
  void add_trailer(const BlockPlace& place, std::int64_t ts_recv, std::uint16_t flags);
  void clear();

 private:
  BlockHeader& next(const BlockPlace& place);
  void finish(BlockHeader& header);

  std::array<BlockHeader, kBlocksMax> headers_{};
  std::array<std::vector<std::uint8_t>, kBlocksMax> own_;
  std::array<Source, kBlocksMax> sources_{};
  GatheredWrite write_;
  std::size_t count_ = 0;
  std::uint64_t bytes_ = 0;
};

/// CRC and constant fields of a header whose other fields are set.
void seal_header(BlockHeader& header);

}  // namespace tickforge
