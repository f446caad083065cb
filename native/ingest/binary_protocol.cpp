#include "ingest/binary_protocol.h"

#include <algorithm>

#include "format/record.h"
#include "ingest/token.h"

namespace tickforge {
namespace {

using wire::AnswerKind;
using wire::Code;
using wire::AckLevel;

constexpr std::size_t kTextBytesMax = 1000;

std::uint32_t cells_for(std::size_t bytes) {
  return static_cast<std::uint32_t>((bytes + kCellBytes - 1) / kCellBytes);
}

std::uint32_t mark_of(const RingProgress& progress, AckLevel level) {
  switch (level) {
    case AckLevel::kAppended:
      return progress.taken;
    case AckLevel::kWritten:
      return progress.written;
    default:
      return progress.durable;
  }
}

}  // namespace

Taken BinaryProtocol::take(const std::uint8_t* bytes, std::size_t length) {
  Taken taken;
  while (!over()) {
    // A batch that is refused is answered at once: one such answer more may wait than there is room for.
    taken.blocked = backlog() > context_.options.answer_bytes_max;
    if (taken.blocked) break;
    const Taken one = admitted_ ? take_batch(bytes + taken.used, length - taken.used)
                                : take_hello(bytes + taken.used, length - taken.used);
    taken.used += one.used;
    taken.needed = one.needed;
    taken.blocked = one.blocked;
    if (one.used == 0) break;
  }
  if (over()) return {length, 0, false};
  owe_ack();
  return taken;
}

void BinaryProtocol::owe_ack() {
  if (last_batch_ == owed_batch_ || level_ == AckLevel::kNone) return;
  owed_batch_ = last_batch_;
  const std::uint32_t position = context_.appender.position();
  if (waiting_.empty() || waiting_.back().position != position) waiting_.push_back({position, 0});
  waiting_.back().batch = last_batch_;
  if (level_ == AckLevel::kDurable) context_.wants_durable = true;
}

// What is received lies never before the place where it will be recorded: a batch is as long as its records, the batch that
// has begun goes before it, and headers and refused batches only move the rest up.
std::uint8_t* BinaryProtocol::landing(std::size_t needed, std::size_t length) {
  if (!admitted_ || over()) return nullptr;
  const std::size_t begun = needed > sizeof(wire::BatchHeader) ? needed - sizeof(wire::BatchHeader) : 0;
  std::uint8_t* memory = context_.appender.space(cells_for(begun + length));
  return memory == nullptr ? nullptr : memory + begun;
}

Taken BinaryProtocol::take_hello(const std::uint8_t* bytes, std::size_t length) {
  if (length < sizeof(wire::Hello)) return {0, sizeof(wire::Hello), false};
  const auto hello = wire::read<wire::Hello>(bytes);
  if (hello.magic != wire::kHelloMagic || hello.crc != wire::crc_of(hello)) {
    fail(Code::kBadHello, 0, "these bytes are no hello");
    return {};
  }
  if (hello.version != wire::kVersion) {
    fail(Code::kVersion, 0,
         "version " + std::to_string(hello.version) + " is not spoken here, only " + std::to_string(wire::kVersion));
    return {};
  }
  if (hello.level > static_cast<std::uint8_t>(AckLevel::kDurable) || hello.token_length > wire::kTokenBytesMax) {
    fail(Code::kBadHello, 0, "the level or the token's length makes no sense");
    return {};
  }
  const std::size_t whole = sizeof hello + hello.token_length;
  if (length < whole) return {0, whole, false};
  const std::string_view token(reinterpret_cast<const char*>(bytes) + sizeof hello, hello.token_length);
  if (!context_.options.token.empty() && !same_token(token, context_.options.token)) {
    fail(Code::kToken, 0, token.empty() ? "this server wants a token" : "the token is not the server's");
    return {};
  }
  level_ = static_cast<AckLevel>(hello.level);
  admitted_ = true;
  welcome();
  return {whole, 0, false};
}

Taken BinaryProtocol::take_batch(const std::uint8_t* bytes, std::size_t length) {
  if (length < sizeof(wire::BatchHeader)) return {0, sizeof(wire::BatchHeader), false};
  const auto header = wire::read<wire::BatchHeader>(bytes);
  if (header.crc != wire::crc_of(header) || header.payload_bytes % kCellBytes != 0) {
    fail(Code::kBadHeader, 0, "the header of the batch behind batch " + std::to_string(last_batch_) + " cannot be");
    return {};
  }
  if (header.payload_bytes > context_.options.payload_bytes_max) {
    fail(Code::kTooLarge, header.batch,
         "a batch of " + std::to_string(header.payload_bytes) + " bytes; " +
             std::to_string(context_.options.payload_bytes_max) + " are allowed");
    return {};
  }
  if (header.batch <= last_batch_) {
    fail(Code::kBatchNumber, header.batch,
         "batch " + std::to_string(header.batch) + " behind batch " + std::to_string(last_batch_));
    return {};
  }
  const std::size_t whole = sizeof header + header.payload_bytes;
  if (length < whole) return {0, whole, false};
  std::uint8_t* cells = context_.appender.space(cells_for(header.payload_bytes));
  if (cells == nullptr) return {0, whole, true};
  // Into its place first: there it is aligned, and nobody reads it before it is published.
  if (crc32c_move(cells, bytes + sizeof header, header.payload_bytes) != header.payload_crc) {
    fail(Code::kBadChecksum, header.batch, "the payload of batch " + std::to_string(header.batch) + " fails its CRC");
    return {};
  }
  last_batch_ = header.batch;
  if (const auto refusal = intake_.take(cells, header.payload_bytes)) {
    context_.stats.refuse(refusal->code);
    answer(AnswerKind::kRefused, refusal->code, header.batch, refusal->text);
  }
  return {whole, 0, false};
}

void BinaryProtocol::progressed(const RingProgress& progress) {
  if (!answers_.empty()) return;
  const std::uint32_t mark = mark_of(progress, level_);
  std::uint64_t batch = 0;
  while (!waiting_.empty() && !is_before(mark, waiting_.front().position)) {
    batch = waiting_.front().batch;
    waiting_.pop_front();
  }
  if (batch != 0) answer(AnswerKind::kAck, Code::kNone, batch, {});
  if (!failure_ || ended_ || !waiting_.empty()) return;
  answer(AnswerKind::kError, failure_->code, failure_->batch, failure_->text);
  ended_ = true;
}

bool BinaryProtocol::leave(bool) {
  // A batch that was not finished counts as not sent: the client has no acknowledgement of it.
  return intake_.end_connections();
}

void BinaryProtocol::welcome() {
  const IngestOptions& options = context_.options;
  wire::Welcome welcome{};
  welcome.header.bytes = sizeof welcome;
  welcome.header.kind = static_cast<std::uint8_t>(AnswerKind::kWelcome);
  welcome.version = wire::kVersion;
  welcome.payload_bytes_max = options.payload_bytes_max;
  welcome.idle_ms = static_cast<std::uint32_t>(options.idle_ns / 1'000'000);
  welcome.instruments_max = options.instruments_per_client;
  welcome.connections_max = options.connections_per_client;
  answers_.append(&welcome, sizeof welcome);
}

void BinaryProtocol::fail(Code code, std::uint64_t batch, std::string_view text) {
  if (over()) return;
  context_.stats.refuse(code);
  owe_ack();
  // What was taken is acknowledged first, or the client would send it a second time.
  if (!waiting_.empty()) {
    failure_ = Failure{code, batch, std::string(text)};
    return;
  }
  answer(AnswerKind::kError, code, batch, text);
  ended_ = true;
}

void BinaryProtocol::end(Code code, std::string_view text) {
  if (ended_) return;
  waiting_.clear();
  failure_.reset();
  owed_batch_ = last_batch_;
  fail(code, 0, text);
}

void BinaryProtocol::answer(AnswerKind kind, Code code, std::uint64_t batch, std::string_view text) {
  text = text.substr(0, kTextBytesMax);
  wire::AnswerHeader header{};
  header.bytes = static_cast<std::uint16_t>(sizeof header + text.size());
  header.kind = static_cast<std::uint8_t>(kind);
  header.level = kind == AnswerKind::kAck ? static_cast<std::uint8_t>(level_) : 0;
  header.code = static_cast<std::uint16_t>(code);
  header.batch = batch;
  answers_.append(&header, sizeof header);
  answers_.append(text);
}

}  // namespace tickforge
