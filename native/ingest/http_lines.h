// What stands between bodies in a stream of HTTP/1.1, byte by byte, as RFC 9112 has it and no laxer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tickforge {

/// The parser reads more than the standard allows: line ends without CR, folded headers, anything behind a chunk. Two
/// readers that differ in this see different requests in one stream, so such a byte is refused before the parser has it.
class HttpLines {
 public:
  enum class Kind : std::uint8_t {
    kRequest,    // a request line, or empty lines before it
    kHeader,     // of a head, or behind the last chunk
    kChunkSize,
    kChunkEnd,   // the empty line behind the data of a chunk
  };

  /// The next line is of this kind. Lines of headers follow each other, and on a request line, without being told.
  void expect(Kind kind);
  /// Takes bytes up to the end of the line, at most; returns how many. Null fault() = nothing is wrong with them.
  std::size_t take(const char* bytes, std::size_t length);
  const char* fault() const { return fault_; }

 private:
  const char* check(char byte);
  const char* check_request(char byte);
  const char* check_header(char byte);
  const char* check_chunk_size(char byte);
  void end_line();

  Kind kind_ = Kind::kRequest;
  std::uint32_t at_ = 0;      // bytes of the line
  std::uint32_t spaces_ = 0;  // of a request line
  std::uint32_t version_bytes_ = 0;
  bool named_ = false;        // the header's name, or the chunk's size, is whole
  bool cr_ = false;
  const char* fault_ = nullptr;
};

}  // namespace tickforge
