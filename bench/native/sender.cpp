// Many clients of the binary ingest protocol in one thread: each sends as many batches of prepared trades as its socket
// takes. Against the reference server the same bytes, without waiting for answers, which do not come.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "ingest/wire.h"
#include "programs.h"
#include "sockets.h"
#include "trades.h"

namespace tickforge::bench {
namespace {

constexpr std::uint32_t kBatch = 256;
/// Batches of one client before the next one gets its turn.
constexpr int kTurn = 4;

using Bytes = std::vector<std::uint8_t>;

template <typename T>
void append(Bytes& bytes, const T& value) {
  const auto* from = reinterpret_cast<const std::uint8_t*>(&value);
  bytes.insert(bytes.end(), from, from + sizeof value);
}

/// Number 1 of each client: BTC-USDT with eight decimals.
Bytes definition() {
  constexpr char kNames[] = "benchBTC-USDTBTCUSDT";
  Bytes cells(2 * kCellBytes, 0);
  Instrument instrument{};
  instrument.head.cells = 2;
  instrument.head.type = static_cast<std::uint8_t>(RecordType::kInstrument);
  instrument.head.flags = kFlagLast;
  instrument.head.instrument = 1;
  instrument.head.ts_event = kNoneI64;
  instrument.price_exponent = -8;
  instrument.size_exponent = -8;
  instrument.venue_length = 5;
  instrument.symbol_length = 8;
  instrument.base_length = 3;
  instrument.quote_length = 4;
  std::memcpy(cells.data(), &instrument, sizeof instrument);
  std::memcpy(cells.data() + kCellBytes, kNames, sizeof kNames - 1);
  return cells;
}

/// Trades without a receive time: the server gives it.
Bytes batch_of_trades() {
  Bytes cells(std::size_t{kBatch} * kCellBytes);
  TradeMaker maker(kBatch);
  for (std::uint32_t i = 0; i < kBatch; ++i) {
    std::uint8_t* cell = cells.data() + std::size_t{i} * kCellBytes;
    maker.put(cell);
    reinterpret_cast<RecordHead*>(cell)->ts_recv = 0;
  }
  return cells;
}

class Client {
 public:
  enum class State { kSending, kBlocked, kWaiting, kDone };

  Client(UniqueFd socket, const Bytes& trades, std::uint64_t batches, wire::AckLevel level)
      : socket_(std::move(socket)), trades_(trades), crc_(crc32c(trades.data(), trades.size())), batches_(batches) {
    answered_ = level != wire::AckLevel::kNone;
    append(front_, wire::make_hello(level, 0));
    const Bytes first = definition();
    append(front_, wire::make_batch_header(1, first.data(), first.size()));
    front_.insert(front_.end(), first.begin(), first.end());
    parts_[0] = {front_.data(), front_.size()};
    parts_[1] = {nullptr, 0};
  }

  int socket() const { return socket_.get(); }
  State state() const { return state_; }

  void send_some() {
    for (int turn = 0; turn < kTurn;) {
      if (parts_[0].iov_len + parts_[1].iov_len == 0) {
        if (sent_ == batches_) return finish_sending();
        next_batch();
      }
      msghdr message{};
      message.msg_iov = parts_;
      message.msg_iovlen = 2;
      const ssize_t done = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (done < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        state_ = State::kBlocked;
        return;
      }
      expect(done > 0, why("sendmsg"));
      advance(static_cast<std::size_t>(done));
      if (parts_[0].iov_len + parts_[1].iov_len == 0) ++turn;
    }
  }

  void unblock() {
    if (state_ == State::kBlocked) state_ = State::kSending;
  }

  /// Acknowledgements; of the reference server only its end.
  void receive() {
    std::uint8_t bytes[4096];
    for (;;) {
      const ssize_t got = ::recv(socket_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
      if (got < 0) {
        expect(errno == EAGAIN || errno == EWOULDBLOCK, why("recv"));
        return;
      }
      if (got == 0) {
        expect(!answered_ && sent_ == batches_, "the server closed a connection");
        state_ = State::kDone;
        return;
      }
      answers_.insert(answers_.end(), bytes, bytes + got);
      take_answers();
    }
  }

 private:
  void next_batch() {
    ++sent_;
    header_ = {sent_ + 1, static_cast<std::uint32_t>(trades_.size()), crc_, 0, 0};
    header_.crc = wire::crc_of(header_);
    parts_[0] = {&header_, sizeof header_};
    parts_[1] = {const_cast<std::uint8_t*>(trades_.data()), trades_.size()};
  }

  void advance(std::size_t bytes) {
    for (iovec& part : parts_) {
      const std::size_t of_this = std::min(bytes, part.iov_len);
      part.iov_base = static_cast<std::uint8_t*>(part.iov_base) + of_this;
      part.iov_len -= of_this;
      bytes -= of_this;
    }
  }

  void finish_sending() {
    state_ = State::kWaiting;
    if (!answered_) ::shutdown(socket_.get(), SHUT_WR);
  }

  void take_answers() {
    std::size_t at = 0;
    while (answers_.size() - at >= sizeof(wire::AnswerHeader)) {
      const auto header = wire::read<wire::AnswerHeader>(answers_.data() + at);
      if (answers_.size() - at < header.bytes) break;
      const std::string text(answers_.begin() + static_cast<std::ptrdiff_t>(at + sizeof header),
                             answers_.begin() + static_cast<std::ptrdiff_t>(at + header.bytes));
      const auto kind = static_cast<wire::AnswerKind>(header.kind);
      expect(kind == wire::AnswerKind::kWelcome || kind == wire::AnswerKind::kAck, "the server refused: " + text);
      if (kind == wire::AnswerKind::kAck && header.batch == batches_ + 1) state_ = State::kDone;
      at += header.bytes;
    }
    answers_.erase(answers_.begin(), answers_.begin() + static_cast<std::ptrdiff_t>(at));
  }

  UniqueFd socket_;
  Bytes front_;
  const Bytes& trades_;
  const std::uint32_t crc_;
  const std::uint64_t batches_;
  bool answered_ = false;
  std::uint64_t sent_ = 0;
  wire::BatchHeader header_{};
  iovec parts_[2];
  State state_ = State::kSending;
  Bytes answers_;
};

}  // namespace

Report sender(Options& options) {
  const Address address = Address::parse(options.text("to"));
  const std::uint64_t count = options.count("clients", 1);
  const std::uint64_t batches = options.count("batches", 1000);
  const auto level = static_cast<wire::AckLevel>(options.count("level", 0));
  options.done();
  const Bytes trades = batch_of_trades();
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  std::vector<std::unique_ptr<Client>> clients;
  for (std::uint64_t i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<Client>(connect_to(address), trades, batches, level));
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.u64 = i;
    expect(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, clients[i]->socket(), &event) == 0, why("epoll_ctl"));
  }

  std::vector<epoll_event> events(count);
  const Stopwatch watch;
  for (std::uint64_t done = 0; done < count;) {
    bool sending = false;
    done = 0;
    for (const auto& client : clients) {
      if (client->state() == Client::State::kSending) client->send_some();
      sending = sending || client->state() == Client::State::kSending;
      if (client->state() == Client::State::kDone) ++done;
    }
    if (done == count) break;
    const int ready = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(count), sending ? 0 : -1);
    for (int i = 0; i < ready; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      Client& client = *clients[event.data.u64];
      if ((event.events & EPOLLOUT) != 0) client.unblock();
      if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) client.receive();
    }
  }
  Report report;
  watch.add_to(report);
  return report.add("count", count * batches * kBatch);
}

}  // namespace tickforge::bench
