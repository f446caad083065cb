#include "testing/ingest_harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "base/clock.h"
#include "ingest/listener.h"
#include "testing/journal_files.h"

namespace tickforge::testing {

PlayedWriter::PlayedWriter(RingSet& rings) : rings_(rings), thread_([this] { run(); }) {}

PlayedWriter::~PlayedWriter() {
  stop_.store(true);
  rings_.wake_writer();
  thread_.join();
}

void PlayedWriter::run() {
  std::vector<RingProgress> progress(kProducersMax);
  while (!stop_.load()) {
    rings_.refresh();
    for (const Inlet& inlet : rings_.inlets()) {
      SpscRing& ring = *inlet.ring;
      if (inlet.producer == 0) continue;
      if (failing_.load()) ring.stop(RingState::kFailed);
      RingProgress& mark = progress[inlet.producer];
      if (!stalled_.load()) {
        const std::uint32_t head = ring.published();
        const std::lock_guard lock(mutex_);
        while (mark.taken != head) {
          const std::uint8_t* cells = ring.at(mark.taken);
          records_.emplace_back(cells, cells + cells[0] * kCellBytes);
          mark.taken += cells[0];
        }
        if (!hold_written_.load()) mark.written = mark.taken;
        if (!hold_durable_.load()) mark.durable = mark.written;
      }
      durable_asked_.store(ring.durable_asked());
      const RingProgress before = ring.progress();
      if (ring.consumed() != mark.durable) ring.release(mark.durable);
      const bool moved =
          before.taken != mark.taken || before.written != mark.written || before.durable != mark.durable;
      if (moved) ring.set_progress(mark);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

std::vector<Bytes> PlayedWriter::records() {
  const std::lock_guard lock(mutex_);
  return records_;
}

std::vector<Bytes> PlayedWriter::wait_for(std::size_t count) {
  for (int i = 0; i < 20'000; ++i) {
    {
      const std::lock_guard lock(mutex_);
      if (records_.size() >= count) break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  auto all = records();
  EXPECT_EQ(all.size(), count);
  all.resize(count);
  return all;
}

bool connect_to(int fd, const std::string& text) {
  auto address = parse_listen_address(text);
  if (!address) return false;
  if (address.value().is_unix) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::strncpy(to.sun_path, address.value().path.c_str(), sizeof to.sun_path - 1);
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.value().port)));
  ::inet_pton(AF_INET, address.value().host.c_str(), &to.sin_addr);
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
}

BareClient::BareClient(const std::string& address)
    : fd_(::socket(address.rfind("unix:", 0) == 0 ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  EXPECT_TRUE(connect_to(fd_.get(), address)) << address << ": " << std::strerror(errno);
  const timeval limit{20, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

bool BareClient::send(const void* bytes, std::size_t length) {
  const auto* at = static_cast<const std::uint8_t*>(bytes);
  while (length > 0) {
    const ssize_t sent = ::send(fd_.get(), at, length, MSG_NOSIGNAL);
    if (sent <= 0) {
      EXPECT_NE(errno, EAGAIN) << "the server does not read";
      return false;
    }
    at += sent;
    length -= static_cast<std::size_t>(sent);
  }
  return true;
}

void BareClient::hello(wire::AckLevel level, const std::string& token) {
  ASSERT_TRUE(send(hello_bytes(level, token)));
  const Bytes welcome = read(sizeof(wire::Welcome));
  ASSERT_EQ(welcome.size(), sizeof(wire::Welcome));
  ASSERT_EQ(welcome[offsetof(wire::AnswerHeader, kind)], static_cast<std::uint8_t>(wire::AnswerKind::kWelcome));
}

void BareClient::send_batch(std::uint64_t number, const Bytes& payload) { send(batch_bytes(number, payload)); }

Answer BareClient::answer() {
  Answer answer;
  const Bytes bytes = read(sizeof(wire::AnswerHeader));
  if (bytes.size() < sizeof(wire::AnswerHeader)) {
    answer.closed = true;
    return answer;
  }
  const auto header = wire::read<wire::AnswerHeader>(bytes.data());
  answer.kind = static_cast<wire::AnswerKind>(header.kind);
  answer.code = static_cast<wire::Code>(header.code);
  answer.level = static_cast<wire::AckLevel>(header.level);
  answer.batch = header.batch;
  const Bytes text = read(header.bytes - sizeof header);
  answer.text.assign(text.begin(), text.end());
  return answer;
}

Bytes BareClient::read(std::size_t length) {
  Bytes bytes(length);
  std::size_t have = 0;
  while (have < length) {
    const ssize_t got = ::recv(fd_.get(), bytes.data() + have, length - have, 0);
    EXPECT_TRUE(got >= 0 || errno != EAGAIN) << "the server does not answer";
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

std::string BareClient::read_until(std::string_view end) {
  std::string text;
  while (text.size() < end.size() || text.compare(text.size() - end.size(), end.size(), end) != 0) {
    const Bytes one = read(1);
    if (one.empty()) break;
    text.push_back(static_cast<char>(one[0]));
  }
  return text;
}

bool BareClient::at_end() { return read(1).empty(); }

void BareClient::half_close() { ::shutdown(fd_.get(), SHUT_WR); }

Bytes hello_bytes(wire::AckLevel level, const std::string& token) {
  return bytes_of(wire::make_hello(level, token.size())) + Bytes(token.begin(), token.end());
}

Bytes batch_bytes(std::uint64_t number, const Bytes& payload) {
  return bytes_of(wire::make_batch_header(number, payload.data(), payload.size())) + payload;
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

namespace {

template <typename Record>
Bytes with_texts(Record record, const std::string& texts) {
  const std::size_t cells = 1 + (texts.size() + kCellBytes - 1) / kCellBytes;
  record.head.cells = static_cast<std::uint8_t>(cells);
  Bytes bytes = bytes_of(record);
  bytes.resize(cells * kCellBytes);
  std::copy(texts.begin(), texts.end(), bytes.begin() + sizeof record);
  return bytes;
}

std::uint64_t frame_on(std::uint16_t connection) { return std::uint64_t{connection} << kFrameNumberBits | 7; }

}  // namespace

Bytes definition(std::uint32_t number, std::string_view symbol, std::int8_t exponent) {
  Instrument one = make_record<Instrument>(RecordType::kInstrument, realtime_ns(), number);
  one.price_exponent = exponent;
  one.size_exponent = -8;
  one.venue_length = 4;
  one.symbol_length = static_cast<std::uint8_t>(symbol.size());
  return with_texts(one, "test" + std::string(symbol));
}

Bytes open_record(std::uint16_t connection, std::string_view venue) {
  Connection one = make_record<Connection>(RecordType::kConnection, realtime_ns());
  one.head.frame = frame_on(connection);
  one.event = static_cast<std::uint8_t>(ConnectionEvent::kOpen);
  one.venue_length = static_cast<std::uint8_t>(venue.size());
  return with_texts(one, std::string(venue));
}

Bytes close_record(std::uint16_t connection) {
  Connection one = make_record<Connection>(RecordType::kConnection, realtime_ns());
  one.head.frame = frame_on(connection);
  one.event = static_cast<std::uint8_t>(ConnectionEvent::kClose);
  return with_texts(one, "");
}

Bytes trade_record(std::uint32_t instrument, std::int64_t price, std::uint16_t connection) {
  Trade trade = make_trade(realtime_ns(), price, instrument);
  trade.head.frame = frame_on(connection);
  return with_texts(trade, "");
}

std::int64_t price_of(const Bytes& record) { return wire::read<Trade>(record.data()).price; }
RecordHead head_in(const Bytes& record) { return wire::read<RecordHead>(record.data()); }
std::uint16_t connection_in(const Bytes& record) {
  return static_cast<std::uint16_t>(head_in(record).frame >> kFrameNumberBits);
}

IngestTest::IngestTest()
    : rings_(RingSet::create("", SpscRing::kBytesMin).take()), writer_(std::make_unique<PlayedWriter>(*rings_)) {}

IngestTest::~IngestTest() {
  server_.reset();
  writer_.reset();
}

IngestOptions IngestTest::base_options() const {
  IngestOptions options;
  options.listen = {unix_address(), "tcp:127.0.0.1:0"};
  options.ring_bytes = std::size_t{1} << 20;
  options.payload_bytes_max = 64 * 1024;
  return options;
}

void IngestTest::start_with(IngestOptions options) {
  auto started = IngestServer::start(*rings_, std::move(options));
  ASSERT_TRUE(started) << started.error().message;
  server_ = started.take();
}

}  // namespace tickforge::testing
