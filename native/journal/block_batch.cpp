#include "journal/block_batch.h"

#include "base/assert.h"
#include "base/crc32c.h"

namespace tickforge {
namespace {

alignas(64) constexpr std::uint8_t kZeros[kBlockAlign] = {};
constexpr std::size_t kPartsPerBlock = 4;  // header, own records, ring records, padding
static_assert(BlockBatch::kBlocksMax * kPartsPerBlock <= GatheredWrite::kPartsMax);

}  // namespace

void seal_header(BlockHeader& header) {
  header.magic = kBlockMagic;
  header.version = kFormatVersion;
  header.header_crc = crc32c(&header, offsetof(BlockHeader, header_crc));
}

void BlockBatch::add(Lane& lane, const BlockPlace& place, std::uint16_t extra_flags) {
  BlockDraft& draft = lane.draft;
  const std::uint8_t* ring_cells = lane.ring().at(draft.ring_position());
  BlockHeader& header = next(place);
  std::vector<std::uint8_t>& own = own_[count_];
  own = draft.own();
  const std::size_t ring_bytes = draft.ring_cells() * kCellBytes;
  header.flags = static_cast<std::uint16_t>(draft.flags() | extra_flags | (lane.producer() << kBlockProducerShift));
  header.min_ts_recv = draft.min_ts_recv();
  header.max_ts_recv = draft.max_ts_recv();
  header.record_count = draft.records();
  header.payload_length = static_cast<std::uint32_t>(own.size() + ring_bytes);
  header.payload_crc = crc32c(ring_cells, ring_bytes, crc32c(own.data(), own.size()));
  write_.add(&header, sizeof header);
  write_.add(own.data(), own.size());
  write_.add(ring_cells, ring_bytes);
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
  write_.add(&header, sizeof header);
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
  const std::size_t length = sizeof header + header.payload_length;
  const std::size_t padded = align_up(length, kBlockAlign);
  write_.add(kZeros, padded - length);
  bytes_ += padded;
  count_ += 1;
}

void BlockBatch::clear() {
  write_.clear();
  count_ = 0;
  bytes_ = 0;
}

}  // namespace tickforge
