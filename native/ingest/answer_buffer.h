// Answers on their way to a client: what the kernel has not taken yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace tickforge {

class AnswerBuffer {
 public:
  void append(const void* bytes, std::size_t length) {
    const auto* from = static_cast<const std::uint8_t*>(bytes);
    bytes_.insert(bytes_.end(), from, from + length);
  }
  void append(std::string_view text) { append(text.data(), text.size()); }

  bool empty() const { return sent_ == bytes_.size(); }
  std::size_t size() const { return bytes_.size() - sent_; }
  const std::uint8_t* data() const { return bytes_.data() + sent_; }
  /// The first `length` bytes are with the kernel.
  void sent(std::size_t length) {
    sent_ += length;
    if (empty()) {
      bytes_.clear();
      sent_ = 0;
    }
  }

 private:
  std::vector<std::uint8_t> bytes_;
  std::size_t sent_ = 0;
};

}  // namespace tickforge
