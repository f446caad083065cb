#include "lines/line_scan.h"

#include <algorithm>

namespace tickforge {
namespace {

// More than any line has: the product of the dimensions stops growing here, and times 8 it still fits.
constexpr std::size_t kElementsMax = std::size_t{1} << 31;

}  // namespace

bool LineScan::advance(const char* begin, const char* end) {
  const auto size = static_cast<std::size_t>(end - begin);
  while (true) {
    const std::size_t skipped = std::min(skip_, size - at_);
    at_ += skipped;
    skip_ -= skipped;
    if (at_ == size) return false;
    const char c = begin[at_++];
    const auto byte = static_cast<std::uint8_t>(c);
    switch (state_) {
      case State::kTags:
        if (c == '\n') return true;
        if (c == '\\') skip_ = 1;
        if (c == ' ') state_ = State::kFieldStart;
        break;
      case State::kFieldStart:
        if (c == ' ') break;
        state_ = State::kName;
        [[fallthrough]];
      case State::kName:
        if (c == '\n') return true;
        if (c == '\\') skip_ = 1;
        if (c == '=') state_ = State::kValue;
        if (c == ' ' || c == ',') state_ = State::kTail;
        break;
      case State::kValue:
        if (c == '"' || c == '=') {
          state_ = c == '"' ? State::kString : State::kType;
          break;
        }
        state_ = State::kBare;
        [[fallthrough]];
      case State::kBare:
      case State::kBehind:
        if (c == '\n') return true;
        if (c == ',') {
          state_ = State::kName;
        } else if (c == ' ' || state_ == State::kBehind) {
          state_ = State::kTail;
        }
        break;
      case State::kString:
        // A string does not run over lines: one that was never closed costs its own line, not all that follow.
        if (c == '\n') return true;
        if (c == '\\') skip_ = 1;
        if (c == '"') state_ = State::kBehind;
        break;
      case State::kTail:
        if (c == '\n') return true;
        break;
      case State::kType:
        state_ = State::kTail;
        if (byte == kBinaryArray) state_ = State::kElement;
        if (byte == kBinaryDecimal) state_ = State::kScale;
        if (byte == kBinaryDouble) {
          state_ = State::kBehind;
          skip_ = 8;
        }
        if (c == '\n') return true;
        break;
      case State::kElement:
        state_ = State::kTail;
        if (byte == kArrayIsNull) state_ = State::kBehind;
        if (byte == kArrayOfDoubles) state_ = State::kDimensionCount;
        break;
      case State::kDimensionCount:
        state_ = byte >= 1 && byte <= kArrayDimensionsMax ? State::kDimensions : State::kTail;
        left_ = static_cast<std::uint8_t>(4 * byte);
        elements_ = 1;
        dimension_ = 0;
        break;
      case State::kDimensions:
        dimension_ = dimension_ >> 8 | std::uint32_t{byte} << 24;
        if (--left_ % 4 == 0) {
          elements_ = std::min(elements_ * std::min<std::size_t>(dimension_, kElementsMax), kElementsMax);
        }
        if (left_ == 0) {
          skip_ = 8 * elements_;
          state_ = State::kBehind;
        }
        break;
      case State::kScale:
        state_ = State::kLength;
        break;
      case State::kLength:
        skip_ = byte;
        state_ = State::kBehind;
        break;
    }
  }
}

}  // namespace tickforge
