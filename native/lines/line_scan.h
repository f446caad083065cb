// Where a line of the line protocol ends. A newline byte does not say so: binary values hold any byte, and a backslash
// takes a newline's meaning away.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tickforge {

/// Types of a binary value, the byte behind `==`, and of an array's elements, as QuestDB's clients send them.
inline constexpr std::uint8_t kBinaryDouble = 16;
inline constexpr std::uint8_t kBinaryArray = 14;
inline constexpr std::uint8_t kBinaryDecimal = 23;
inline constexpr std::uint8_t kArrayOfDoubles = 10;
inline constexpr std::uint8_t kArrayIsNull = 33;
inline constexpr std::uint8_t kArrayDimensionsMax = 32;

/// Looks for the end of one line as its bytes arrive, each byte once: a client that sends byte by byte costs what one
/// costs that sends lines. A few words; one a connection. Bytes that are no line protocol end at the next newline.
class LineScan {
 public:
  /// Reads on in a line that begins at `begin`; what was there before must be there again. True when the line has
  /// ended: seen() bytes, its newline included.
  bool advance(const char* begin, const char* end);
  /// Bytes of the line that were looked at.
  std::size_t seen() const { return at_; }
  void reset() { *this = LineScan(); }

 private:
  enum class State : std::uint8_t {
    kTags,        // table, tags
    kFieldStart,  // behind a space
    kName,
    kValue,
    kBare,
    kString,
    kBehind,  // a string or binary value has ended
    kTail,    // timestamp, or what cannot be read
    kType,    // of a binary value
    kElement,
    kDimensionCount,
    kDimensions,
    kScale,
    kLength,
  };

  std::size_t at_ = 0;
  std::size_t skip_ = 0;  // bytes that mean nothing here: behind a backslash, or of a binary value
  std::size_t elements_ = 0;
  std::uint32_t dimension_ = 0;
  std::uint8_t left_ = 0;  // bytes of dimensions still to come
  State state_ = State::kTags;
};

}  // namespace tickforge
