// A client of the binary protocol that says anything. The input is a list of orders, so that what lies behind the CRCs
// is reached: a hello, a batch of any cells with the right CRCs, or bare bytes.
#include <cstddef>
#include <cstdint>

#include "ingest/wire.h"
#include "testing/protocol_run.h"

namespace {

using namespace tickforge;
using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kBytesMax = 16 * 1024;

void append(Bytes& stream, const void* bytes, std::size_t length) {
  const auto* from = static_cast<const std::uint8_t*>(bytes);
  stream.insert(stream.end(), from, from + length);
}

/// What the orders make: [kind][count], then count bytes, or cells of a batch.
Bytes stream_of(const std::uint8_t* data, std::size_t size) {
  Bytes stream;
  std::uint64_t batch = 0;
  std::size_t at = 0;
  while (at + 2 <= size) {
    const std::uint8_t kind = data[at] % 4;
    const std::size_t cells = data[at + 1] % 32;
    at += 2;
    if (kind == 0) {
      const std::size_t length = std::min<std::size_t>(cells, size - at);
      append(stream, data + at, length);
      at += length;
    } else if (kind == 1) {
      const wire::Hello hello = wire::make_hello(static_cast<wire::AckLevel>(cells % 4), 0);
      append(stream, &hello, sizeof hello);
    } else {
      Bytes payload(cells * kCellBytes);
      const std::size_t length = std::min(payload.size(), size - at);
      std::copy(data + at, data + at + length, payload.begin());
      at += length;
      // Heads that say what the batch holds; the rest is as it came.
      for (std::size_t cell = 0; kind == 3 && cell < cells;) {
        std::uint8_t& count = payload[cell * kCellBytes];
        count = static_cast<std::uint8_t>(1 + count % std::min<std::size_t>(4, cells - cell));
        std::uint8_t& type = payload[cell * kCellBytes + 1];
        type = static_cast<std::uint8_t>(type % 11);
        // A time that is allowed, most of the time.
        if (payload[cell * kCellBytes + 15] != 1) std::fill_n(payload.begin() + cell * kCellBytes + 8, 8, std::uint8_t{0});
        cell += count;
      }
      const wire::BatchHeader header = wire::make_batch_header(++batch, payload.data(), payload.size());
      append(stream, &header, sizeof header);
      append(stream, payload.data(), payload.size());
    }
  }
  return stream;
}

void check_answers(const std::string& answers) {
  std::uint64_t acknowledged = 0;
  bool ended = false;
  for (std::size_t at = 0; at < answers.size();) {
    TF_ASSERT(!ended);
    TF_ASSERT(answers.size() - at >= sizeof(wire::AnswerHeader));
    const auto header = wire::read<wire::AnswerHeader>(reinterpret_cast<const std::uint8_t*>(answers.data()) + at);
    TF_ASSERT(header.bytes >= sizeof header);
    TF_ASSERT(header.bytes <= answers.size() - at);
    const auto kind = static_cast<wire::AnswerKind>(header.kind);
    TF_ASSERT(kind == wire::AnswerKind::kWelcome || at != 0 || kind == wire::AnswerKind::kError);
    if (kind == wire::AnswerKind::kAck) {
      TF_ASSERT(header.batch > acknowledged);
      acknowledged = header.batch;
    }
    ended = kind == wire::AnswerKind::kError;
    at += header.bytes;
  }
}

IngestOptions options_of_fuzzer() {
  IngestOptions options = testing::small_options();
  options.definitions_max = 8;
  options.connections_per_client = 4;
  options.instruments_per_client = 300;
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1 || size > kBytesMax) return 0;
  static testing::ProtocolWorld world(options_of_fuzzer());
  const Bytes stream = stream_of(data + 1, size - 1);
  world.reset();
  testing::ProtocolRun whole(world);
  whole.run(stream.data(), stream.size(), stream.size() + 1);
  testing::check_records(whole.cells());
  world.reset();
  testing::ProtocolRun pieces(world);
  pieces.run(stream.data(), stream.size(), 1 + data[0]);
  TF_ASSERT(pieces.cells() == whole.cells());
  TF_ASSERT(pieces.answers() == whole.answers());
  if (!stream.empty() && stream[0] == 0x89) check_answers(whole.answers());
  return 0;
}
