// Records on their way into a ring: bounded memory that is filled record by record and handed over in one go.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include "base/assert.h"
#include "format/record.h"

namespace tickforge {

/// Fixed memory for `capacity` cells, aligned to 64 bytes. One thread. Whatever has been put in must be published, in
/// this order: the definitions among it count as known from the moment they are written here.
class CellBuffer {
 public:
  explicit CellBuffer(std::uint32_t capacity)
      : memory_(static_cast<std::uint8_t*>(::operator new(capacity * kCellBytes, std::align_val_t{kCellBytes}))),
        capacity_(capacity) {}

  /// `cells` zeroed cells behind what is there, or nullptr when there is no room. They count from now on.
  std::uint8_t* reserve(std::uint32_t cells) {
    if (cells > room()) return nullptr;
    std::uint8_t* at = memory_.get() + std::size_t{size_} * kCellBytes;
    std::memset(at, 0, cells * kCellBytes);
    size_ += cells;
    return at;
  }

  /// A zeroed record of `cells` cells whose head says so. There must be room.
  template <typename Record>
  Record& begin(RecordType type, std::uint32_t cells = sizeof(Record) / kCellBytes) {
    TF_ASSERT(cells >= 1 && cells <= kCellsPerRecordMax);
    std::uint8_t* at = reserve(cells);
    TF_ASSERT(at != nullptr);
    auto& record = *reinterpret_cast<Record*>(at);
    record.head.cells = static_cast<std::uint8_t>(cells);
    record.head.type = static_cast<std::uint8_t>(type);
    records_ += 1;
    return record;
  }

  const std::uint8_t* data() const { return memory_.get(); }
  std::uint32_t size() const { return size_; }  // cells
  std::uint32_t room() const { return capacity_ - size_; }
  std::uint32_t capacity() const { return capacity_; }
  /// Records begun since the last clear().
  std::uint32_t records() const { return records_; }
  void clear() { size_ = records_ = 0; }

 private:
  struct Free {
    void operator()(std::uint8_t* memory) const { ::operator delete(memory, std::align_val_t{kCellBytes}); }
  };
  std::unique_ptr<std::uint8_t, Free> memory_;
  std::uint32_t capacity_;
  std::uint32_t size_ = 0;
  std::uint32_t records_ = 0;
};

}  // namespace tickforge
