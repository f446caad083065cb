#include "ingest/http_lines.h"

namespace tickforge {
namespace {

constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";

bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }
bool is_letter(char byte) { return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z'); }
bool is_hex(char byte) { return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F'); }
bool is_token(char byte) {
  return is_letter(byte) || is_digit(byte) || kTokenMarks.find(byte) != std::string_view::npos;
}
bool is_control(char byte) { return (static_cast<unsigned char>(byte) < 0x20 && byte != '\t') || byte == 0x7F; }
/// 0 stands for any digit.
constexpr std::string_view kVersion = "HTTP/0.0";
constexpr const char* kRequestLine = "a request line is a method, a target and 'HTTP/1.1', with one space between them";

bool fits_version(char byte, std::size_t at) {
  return at < kVersion.size() && (kVersion[at] == '0' ? is_digit(byte) : kVersion[at] == byte);
}

}  // namespace

void HttpLines::expect(Kind kind) {
  kind_ = kind;
  at_ = spaces_ = version_bytes_ = 0;
  named_ = cr_ = false;
}

std::size_t HttpLines::take(const char* bytes, std::size_t length) {
  for (std::size_t i = 0; i < length; ++i) {
    fault_ = check(bytes[i]);
    if (fault_ != nullptr) return i;
    if (bytes[i] != '\n') continue;
    end_line();
    return i + 1;
  }
  return length;
}

const char* HttpLines::check(char byte) {
  if (cr_ != (byte == '\n')) return cr_ ? "a CR is followed by LF" : "a line ends with CR LF";
  if (byte == '\n') return nullptr;
  if (byte == '\r') {
    cr_ = true;
    if (kind_ == Kind::kRequest && at_ != 0 && version_bytes_ != kVersion.size()) return kRequestLine;
    if (kind_ == Kind::kHeader && at_ != 0 && !named_) return "a header has a name and a colon";
    if (kind_ == Kind::kChunkSize && at_ == 0) return "a chunk begins with its size";
    return nullptr;
  }
  at_ += 1;
  if (is_control(byte)) return "a line has no control characters";
  switch (kind_) {
    case Kind::kRequest: return check_request(byte);
    case Kind::kHeader: return check_header(byte);
    case Kind::kChunkSize: return check_chunk_size(byte);
    default: return "the data of a chunk is followed by CR LF";
  }
}

const char* HttpLines::check_request(char byte) {
  if (spaces_ == 2) return fits_version(byte, version_bytes_++) ? nullptr : kRequestLine;
  if (byte == ' ') spaces_ += 1;
  return byte == '\t' || static_cast<unsigned char>(byte) >= 0x80 ? "a request line is of ASCII" : nullptr;
}

const char* HttpLines::check_header(char byte) {
  if (named_) return nullptr;
  if (byte == ':' && at_ > 1) {
    named_ = true;
    return nullptr;
  }
  if (at_ == 1 && (byte == ' ' || byte == '\t')) return "a header is one line";
  return is_token(byte) ? nullptr : "the name of a header is a token, right before its colon";
}

const char* HttpLines::check_chunk_size(char byte) {
  if (named_) return nullptr;
  named_ = byte == ';' && at_ > 1;
  return named_ || is_hex(byte) ? nullptr : "the size of a chunk is hexadecimal digits";
}

void HttpLines::end_line() {
  // Empty lines before a request are skipped.
  const bool begun = kind_ == Kind::kRequest && at_ != 0;
  expect(begun ? Kind::kHeader : kind_);
}

}  // namespace tickforge
