// Bytes of the ingest protocol (docs/PROTOCOL.md), for the server and for clients. Little-endian, no implicit padding.
//
// A client sends one Hello, then messages that begin with a BatchHeader. The server answers with messages that begin
// with an AnswerHeader: a welcome or an error first, then acknowledgements and refusals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/crc32c.h"

namespace tickforge::wire {

/// The first byte continues a character of UTF-8, so no line of text and no HTTP request begins with it.
inline constexpr std::uint32_t kHelloMagic = 0x3143'4689;  // bytes 0x89 'F' 'C' '1'
inline constexpr std::uint16_t kVersion = 1;
inline constexpr std::size_t kTokenBytesMax = 1024;

/// Which watermark an acknowledgement is about. Each one includes those before.
enum class AckLevel : std::uint8_t {
  kNone = 0,      // nothing is acknowledged; refusals are told all the same
  kAppended = 1,  // the journal's writer has taken it over
  kWritten = 2,   // handed to the kernel: survives the recorder, not a power cut
  kDurable = 3,   // on the disk
};

/// First bytes of a client, followed by `token_length` bytes of token.
struct Hello {
  std::uint32_t magic;
  std::uint16_t version;
  std::uint8_t level;  // AckLevel
  std::uint8_t reserved;
  std::uint16_t token_length;
  std::uint16_t reserved2;
  std::uint32_t crc;  // CRC-32C of the 12 bytes before
};
static_assert(sizeof(Hello) == 16 && std::has_unique_object_representations_v<Hello>);

/// Followed by `payload_bytes` of whole records. A batch of no bytes is a sign of life, acknowledged like any other.
struct BatchHeader {
  std::uint64_t batch;          // larger than that of every batch before on this connection; not 0
  std::uint32_t payload_bytes;  // a multiple of 64, at most Welcome::payload_bytes_max
  std::uint32_t payload_crc;    // CRC-32C
  std::uint32_t reserved;
  std::uint32_t crc;            // CRC-32C of the 20 bytes before
};
static_assert(sizeof(BatchHeader) == 24 && std::has_unique_object_representations_v<BatchHeader>);

enum class AnswerKind : std::uint8_t {
  kWelcome = 1,  // Welcome
  kAck = 2,      // AnswerHeader alone: all batches up to `batch` that were not refused have reached `level`
  kRefused = 3,  // AnswerHeader and text: nothing of `batch` is recorded; the connection goes on
  kError = 4,    // AnswerHeader and text: the connection ends
};

struct AnswerHeader {
  std::uint16_t bytes;  // of the whole answer, header included
  std::uint8_t kind;    // AnswerKind
  std::uint8_t level;   // AckLevel of an acknowledgement
  std::uint16_t code;   // Code of a refusal or an error
  std::uint16_t reserved;
  std::uint64_t batch;  // of a welcome: 0; of an error: the batch that it is about, or 0
};
static_assert(sizeof(AnswerHeader) == 16 && std::has_unique_object_representations_v<AnswerHeader>);

struct Welcome {
  AnswerHeader header;
  std::uint16_t version;
  std::uint16_t reserved;
  std::uint32_t payload_bytes_max;
  std::uint32_t idle_ms;          // a client that sends nothing for so long is closed; 0 = never
  std::uint32_t instruments_max;  // largest client-local instrument number
  std::uint32_t connections_max;  // that may be open at once
  std::uint32_t reserved2;
};
static_assert(sizeof(Welcome) == 40 && std::has_unique_object_representations_v<Welcome>);

/// Why something was refused. Up to 99 the connection ends; from 100 on only the batch is refused.
enum class Code : std::uint16_t {
  kNone = 0,
  kBadHello = 1,       // no hello of this protocol
  kVersion = 2,        // a version that the server does not speak
  kToken = 3,          // none, or not the server's
  kBadHeader = 4,      // a batch header fails its CRC, or its numbers make no sense
  kTooLarge = 5,       // more than payload_bytes_max
  kBadChecksum = 6,    // the payload fails its CRC
  kBatchNumber = 7,    // not larger than the one before
  kTimeout = 8,        // no hello in time, silent for too long, or its answers are not read
  kStopping = 9,       // the server stops
  kWriterFailed = 10,  // the journal cannot be written any more
  kTextRefused = 11,   // lines of text are not taken here
  kMalformed = 100,    // a record that contradicts itself, or does not end with the batch
  kUnknownType = 101,  // a record type that this version does not know
  kForbidden = 102,    // a record that only the journal's own writer may write
  kInstrument = 103,   // an instrument number without a definition before it
  kConnection = 104,   // a connection number that is not open
  kTime = 105,         // ts_recv is no time, or ahead of the server's clock
  kLimit = 106,        // too many instruments or connections
};

inline bool ends_connection(Code code) { return static_cast<std::uint16_t>(code) < 100; }

/// As counters and documents call it.
inline const char* name_of(Code code) {
  switch (code) {
    case Code::kNone: return "none";
    case Code::kBadHello: return "bad_hello";
    case Code::kVersion: return "version";
    case Code::kToken: return "token";
    case Code::kBadHeader: return "bad_header";
    case Code::kTooLarge: return "too_large";
    case Code::kBadChecksum: return "bad_checksum";
    case Code::kBatchNumber: return "batch_number";
    case Code::kTimeout: return "timeout";
    case Code::kStopping: return "stopping";
    case Code::kWriterFailed: return "writer_failed";
    case Code::kTextRefused: return "text_refused";
    case Code::kMalformed: return "malformed";
    case Code::kUnknownType: return "unknown_type";
    case Code::kForbidden: return "forbidden";
    case Code::kInstrument: return "instrument";
    case Code::kConnection: return "connection";
    case Code::kTime: return "time";
    case Code::kLimit: return "limit";
  }
  return "";
}

inline std::uint32_t crc_of(const Hello& hello) { return crc32c(&hello, offsetof(Hello, crc)); }
inline std::uint32_t crc_of(const BatchHeader& header) { return crc32c(&header, offsetof(BatchHeader, crc)); }

inline Hello make_hello(AckLevel level, std::size_t token_length) {
  Hello hello{kHelloMagic, kVersion, static_cast<std::uint8_t>(level), 0, static_cast<std::uint16_t>(token_length), 0, 0};
  hello.crc = crc_of(hello);
  return hello;
}

inline BatchHeader make_batch_header(std::uint64_t batch, const void* payload, std::size_t bytes) {
  BatchHeader header{batch, static_cast<std::uint32_t>(bytes), crc32c(payload, bytes), 0, 0};
  header.crc = crc_of(header);
  return header;
}

template <typename T>
T read(const std::uint8_t* bytes) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

}  // namespace tickforge::wire
