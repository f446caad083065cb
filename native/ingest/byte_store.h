// Growing memory for bytes that a socket is read into: nothing is zeroed, and what was large is given back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "base/assert.h"

namespace tickforge {

class ByteStore {
 public:
  std::uint8_t* data() { return bytes_.get(); }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::size_t room() const { return capacity_ - size_; }
  std::uint8_t* end() { return bytes_.get() + size_; }

  /// Makes room for `more` bytes behind the end.
  void reserve(std::size_t more) {
    if (more <= room()) return;
    // Doubling, so that bytes that come one by one are copied a bounded number of times.
    const std::size_t capacity = std::max({size_ + more, capacity_ * 2, kSmallest});
    auto larger = std::make_unique_for_overwrite<std::uint8_t[]>(capacity);
    if (size_ != 0) std::memcpy(larger.get(), bytes_.get(), size_);
    bytes_ = std::move(larger);
    capacity_ = capacity;
  }
  void append(const std::uint8_t* bytes, std::size_t length) {
    if (length == 0) return;
    reserve(length);
    std::memcpy(end(), bytes, length);
    size_ += length;
  }
  /// Bytes were written behind the end.
  void grow(std::size_t length) {
    TF_ASSERT(length <= room());
    size_ += length;
  }
  void erase_front(std::size_t length) {
    TF_ASSERT(length <= size_);
    size_ -= length;
    if (size_ != 0) {
      std::memmove(bytes_.get(), bytes_.get() + length, size_);
    } else if (capacity_ > kKept) {
      bytes_.reset();
      capacity_ = 0;
    }
  }

 private:
  static constexpr std::size_t kSmallest = 1024;
  static constexpr std::size_t kKept = 64 * 1024;

  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace tickforge
