#include "tail/part_opening.h"

#include "tail/own_records.h"

namespace tickforge {

Result<PartOpening> read_part_opening(const std::string& path) {
  auto cursor = SegmentCursor::open(path);
  if (!cursor) return cursor.error();
  SegmentCursor& blocks = cursor.value();
  PartOpening opening;
  for (;;) {
    auto found = blocks.peek(kUnlimited);
    if (!found) return found.error();
    if (!found.value()) return opening;
    opening.has_blocks = true;
    if (blocks.take_gap()) {
      // A beginning that cannot be read limits nothing (docs/FORMAT.md, "Parts").
      opening.limit = kUnlimited;
      opening.complete = true;
      return opening;
    }
    auto loaded = blocks.load();
    if (!loaded) return loaded.error();
    if (!loaded.value()) continue;
    const std::size_t length = blocks.header().payload_length;
    const OwnRecords own = own_records(blocks.payload(), length, blocks.producer());
    for (std::uint32_t cell = 0; cell < own.cells;) {
      const auto& head = *reinterpret_cast<const RecordHead*>(blocks.payload() + cell * kCellBytes);
      if (repeats_part_before(head)) opening.limit = reinterpret_cast<const Gap&>(head).expected_id;
      opening.new_life = opening.new_life || begins_life(head);
      cell += head.cells;
    }
    opening.complete = opening.limit != kUnlimited || opening.new_life || own.cells * kCellBytes < length;
    if (opening.complete) return opening;
    blocks.advance();
  }
}

}  // namespace tickforge
