#include "journal/block_batch.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "base/assert.h"
#include "base/crc32c.h"

namespace tickforge {
namespace {

/// Memory that lies together goes to the disk in fewer pieces: a third more a second. A kernel that has no such page to give
/// gives small ones.
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kBytesMax = BlockBatch::kBlocksMax * kBlockBytesTarget;
static_assert(kBytesMax % kHugePage == 0);

}  // namespace

void seal_header(BlockHeader& header) {
  header.magic = kBlockMagic;
  header.version = kFormatVersion;
  header.header_crc = crc32c(&header, offsetof(BlockHeader, header_crc));
}

void BlockBatch::Free::operator()(std::uint8_t* memory) const { std::free(memory); }

BlockBatch::BlockBatch()
    : memory_(static_cast<std::uint8_t*>(std::aligned_alloc(kHugePage, kBytesMax))) {
  TF_ASSERT(memory_ != nullptr);
  (void)::madvise(memory_.get(), kBytesMax, MADV_HUGEPAGE);
}

void BlockBatch::add(Lane& lane, const BlockPlace& place, std::uint16_t extra_flags) {
  BlockDraft& draft = lane.draft;
  BlockHeader& header = next(place);
  std::uint8_t* payload = memory_.get() + bytes_ + sizeof header;
  const std::size_t own_bytes = draft.own().size();
  const std::size_t ring_bytes = draft.ring_cells() * kCellBytes;
  const std::uint8_t* cells = lane.ring().at(draft.ring_position());
  header.flags = static_cast<std::uint16_t>(draft.flags() | extra_flags | (lane.producer() << kBlockProducerShift));
  header.min_ts_recv = draft.min_ts_recv();
  header.max_ts_recv = draft.max_ts_recv();
  header.record_count = draft.records();
  header.payload_length = static_cast<std::uint32_t>(own_bytes + ring_bytes);
  if (own_bytes == 0) {
    header.payload_crc = crc32c_move(payload, cells, ring_bytes);
  } else {
    std::memcpy(payload, draft.own().data(), own_bytes);
    std::memcpy(payload + own_bytes, cells, ring_bytes);
    header.payload_crc = crc32c(payload, header.payload_length);
  }
  if (draft.ring_cells() > 0) {
    sources_[count_] = {&lane, draft.ring_position() + draft.ring_cells(), draft.ring_records()};
  }
  finish(header);
  draft.clear();
}

void BlockBatch::add_trailer(const BlockPlace& place, std::int64_t ts_recv, std::uint16_t flags) {
  BlockHeader& header = next(place);
  header.flags = flags;
  header.min_ts_recv = ts_recv;
  header.max_ts_recv = ts_recv;
  header.payload_crc = crc32c(nullptr, 0);
  finish(header);
}

BlockHeader& BlockBatch::next(const BlockPlace& place) {
  TF_ASSERT(!full());
  BlockHeader& header = headers_[count_];
  header = BlockHeader{};
  sources_[count_] = Source{};
  header.segment_id = place.segment_id;
  header.block_number = place.block_number;
  header.first_record = place.first_record;
  return header;
}

void BlockBatch::finish(BlockHeader& header) {
  seal_header(header);
  std::uint8_t* block = memory_.get() + bytes_;
  std::memcpy(block, &header, sizeof header);
  const std::size_t length = sizeof header + header.payload_length;
  const std::size_t padded = align_up(length, kBlockAlign);
  std::memset(block + length, 0, padded - length);
  bytes_ += padded;
  count_ += 1;
}

void BlockBatch::advance(std::uint64_t written) {
  TF_ASSERT(written <= unwritten_bytes());
  written_ += written;
}

void BlockBatch::clear() {
  count_ = 0;
  bytes_ = 0;
  written_ = 0;
}

}  // namespace tickforge
