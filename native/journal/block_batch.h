// Sealed blocks that go to the disk in one gathered write, straight from the ring's memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "format/segment.h"
#include "journal/block_draft.h"
#include "journal/gathered_write.h"

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
  const BlockHeader& header(std::size_t i) const { return headers_[i]; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t ring_records() const { return ring_records_; }
  bool has_ring_cells() const { return has_ring_cells_; }
  /// Position behind the last cell that this batch takes from the ring.
  std::uint32_t ring_end() const { return ring_end_; }
  GatheredWrite& write() { return write_; }

  /// Seals the draft as the next block. `ring_cells` is where the draft's cells are. The draft's own records move here;
  /// the ring's stay in place until the batch is written.
  void add(BlockDraft& draft, const std::uint8_t* ring_cells, const BlockPlace& place, std::uint16_t extra_flags);
  /// Adds a block without records, at a time that changes no order.
  void add_trailer(const BlockPlace& place, std::int64_t ts_recv, std::uint16_t flags);
  void clear();

 private:
  BlockHeader& next(const BlockPlace& place);
  void finish(BlockHeader& header);

  std::array<BlockHeader, kBlocksMax> headers_{};
  std::array<std::vector<std::uint8_t>, kBlocksMax> own_;
  GatheredWrite write_;
  std::size_t count_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t ring_records_ = 0;
  bool has_ring_cells_ = false;
  std::uint32_t ring_end_ = 0;
};

/// CRC and constant fields of a header whose other fields are set.
void seal_header(BlockHeader& header);

}  // namespace tickforge
