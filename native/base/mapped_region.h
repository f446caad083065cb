// Owner of one memory mapping.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace tickforge {

class MappedRegion {
 public:
  MappedRegion() = default;
  /// Takes over a mapping that mmap returned.
  MappedRegion(void* address, std::size_t length) : address_(static_cast<std::uint8_t*>(address)), length_(length) {}
  MappedRegion(MappedRegion&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), length_(std::exchange(other.length_, 0)) {}
  MappedRegion& operator=(MappedRegion&& other) noexcept {
    if (this != &other) {
      reset();
      address_ = std::exchange(other.address_, nullptr);
      length_ = std::exchange(other.length_, 0);
    }
    return *this;
  }
  ~MappedRegion() { reset(); }

  std::uint8_t* data() const { return address_; }
  std::size_t size() const { return length_; }
  explicit operator bool() const { return address_ != nullptr; }

  /// Gives the mapping up without unmapping it; the caller now owns data() and size().
  void release() {
    address_ = nullptr;
    length_ = 0;
  }
  void reset() {
    if (address_ != nullptr) ::munmap(address_, length_);
    release();
  }

 private:
  std::uint8_t* address_ = nullptr;
  std::size_t length_ = 0;
};

}  // namespace tickforge
