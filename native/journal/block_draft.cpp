#include "journal/block_draft.h"

#include <cstring>

#include "base/assert.h"

namespace tickforge {

std::size_t BlockDraft::take_own(const std::vector<std::uint8_t>& records, std::size_t at) {
  TF_ASSERT(ring_cells_ == 0);
  while (at < records.size()) {
    RecordHead head;
    std::memcpy(&head, records.data() + at, sizeof head);
    if (head.cells > room()) break;
    const auto begin = records.begin() + static_cast<std::ptrdiff_t>(at);
    own_.insert(own_.end(), begin, begin + static_cast<std::ptrdiff_t>(head.cells * kCellBytes));
    count(head);
    at += head.cells * kCellBytes;
  }
  return at;
}

void BlockDraft::clear() {
  std::vector<std::uint8_t> memory = std::move(own_);
  *this = BlockDraft();
  own_ = std::move(memory);
  own_.clear();
}

}  // namespace tickforge
