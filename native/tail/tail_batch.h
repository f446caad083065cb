// What a tail hands over at once: whole records in the caller's memory, and where they come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "format/record.h"

namespace tickforge {

enum class TailSource : std::uint8_t {
  kFile,
  kRing,
  /// Definitions that hold for what comes, and that are not to be delivered: of the time before the beginning.
  kInForce,
};

/// Records of one source, one behind the other.
struct TailSpan {
  std::size_t offset = 0;
  std::size_t bytes = 0;
  TailSource source = TailSource::kFile;
  std::uint8_t producer = 0;
  /// The first records of another segment: instrument numbers of before mean nothing any more.
  bool new_segment = false;
};

/// Fills the caller's memory.
class TailBatch {
 public:
  void begin(std::uint8_t* memory, std::size_t size) {
    memory_ = memory;
    size_ = size;
    used_ = 0;
    spans_.clear();
  }

  std::size_t bytes() const { return used_; }
  const std::uint8_t* memory() const { return memory_; }
  const std::vector<TailSpan>& spans() const { return spans_; }
  bool empty() const { return used_ == 0; }

  std::size_t room() const { return size_ - used_; }
  /// The longest record fits.
  bool has_room() const { return room() >= kCellsPerRecordMax * kCellBytes; }
  std::uint8_t* end() { return memory_ + used_; }
  /// Takes over what was put at end().
  void take(std::size_t bytes, TailSource source, std::uint32_t producer, bool new_segment = false) {
    if (bytes == 0) return;
    const auto number = static_cast<std::uint8_t>(producer);
    TailSpan* last = spans_.empty() ? nullptr : &spans_.back();
    if (last != nullptr && last->source == source && last->producer == number && !new_segment) {
      last->bytes += bytes;
    } else {
      spans_.push_back({used_, bytes, source, number, new_segment});
    }
    used_ += bytes;
  }
  void append(const void* records, std::size_t bytes, TailSource source, std::uint32_t producer,
              bool new_segment = false) {
    std::memcpy(end(), records, bytes);
    take(bytes, source, producer, new_segment);
  }

 private:
  std::uint8_t* memory_ = nullptr;
  std::size_t size_ = 0;
  std::size_t used_ = 0;
  /// Keeps its memory from one batch to the next.
  std::vector<TailSpan> spans_;
};

}  // namespace tickforge
