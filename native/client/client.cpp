#include "client/client.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <utility>

#include "base/clock.h"

namespace tickforge {
namespace {

Error no_address(const std::string& address) {
  return Error{"TF_USAGE", "'" + address + "' is no address: write unix:PATH or tcp:HOST:PORT", "", 0};
}

Result<UniqueFd> connect_unix(const std::string& path) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof to.sun_path) return no_address("unix:" + path);
  std::memcpy(to.sun_path, path.data(), path.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    return system_error("TF_CONNECT", "connecting to", path, errno);
  }
  return fd;
}

Result<UniqueFd> connect_tcp(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon < 4) return no_address(address);
  std::string host = address.substr(4, colon - 4);
  const std::string port = address.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  const int looked_up = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &raw);
  if (looked_up != 0) return Error{"TF_CONNECT", "'" + address + "': " + ::gai_strerror(looked_up), "", 0};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> found(raw, &::freeaddrinfo);
  int number = ECONNREFUSED;
  for (const addrinfo* one = found.get(); one != nullptr; one = one->ai_next) {
    UniqueFd fd(::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (fd && ::connect(fd.get(), one->ai_addr, one->ai_addrlen) == 0) {
      const int yes = 1;
      ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      return fd;
    }
    number = errno;
  }
  return system_error("TF_CONNECT", "connecting to", address, number);
}

template <typename Record>
std::vector<std::uint8_t> with_texts(Record record, const std::string& texts) {
  const std::size_t cells = 1 + (texts.size() + kCellBytes - 1) / kCellBytes;
  record.head.cells = static_cast<std::uint8_t>(cells);
  record.head.flags = kFlagLast;
  record.head.ts_recv = realtime_ns();
  record.head.ts_event = kNoneI64;
  std::vector<std::uint8_t> bytes(cells * kCellBytes);
  std::memcpy(bytes.data(), &record, sizeof record);
  if (!texts.empty()) std::memcpy(bytes.data() + sizeof record, texts.data(), texts.size());
  return bytes;
}

Error too_long(const char* what) { return Error{"TF_USAGE", std::string(what) + " is too long", "", 0}; }

}  // namespace

Result<std::unique_ptr<Client>> Client::connect(const std::string& address, const std::string& token,
                                                wire::AckLevel level) {
  if (token.size() > wire::kTokenBytesMax) return too_long("the token");
  const bool is_unix = address.rfind("unix:", 0) == 0;
  if (!is_unix && address.rfind("tcp:", 0) != 0) return no_address(address);
  auto socket = is_unix ? connect_unix(address.substr(5)) : connect_tcp(address);
  if (!socket) return socket.error();
  auto client = std::unique_ptr<Client>(new Client(socket.take(), level));
  auto greeted = client->greet(token);
  if (!greeted) return greeted.error();
  return client;
}

Result<void> Client::greet(const std::string& token) {
  const wire::Hello hello = wire::make_hello(level_, token.size());
  std::string bytes(reinterpret_cast<const char*>(&hello), sizeof hello);
  bytes += token;
  auto sent = send_all(bytes.data(), bytes.size());
  if (!sent) return sent;
  while (!welcomed_) {
    auto received = receive(true);
    if (!received) return received;
  }
  return {};
}

Result<std::uint32_t> Client::define(const InstrumentDefinition& definition) {
  for (const std::string* text :
       {&definition.venue, &definition.symbol, &definition.base, &definition.quote, &definition.adapter}) {
    if (text->size() > 255) return too_long("a text of a definition");
  }
  Instrument record{};
  record.head.type = static_cast<std::uint8_t>(RecordType::kInstrument);
  record.head.instrument = instruments_ + 1;
  record.price_exponent = static_cast<std::int8_t>(definition.price_exponent);
  record.size_exponent = static_cast<std::int8_t>(definition.size_exponent);
  record.price_print = static_cast<std::uint8_t>(definition.price_print);
  record.size_print = static_cast<std::uint8_t>(definition.size_print);
  record.integrity = static_cast<std::uint8_t>(definition.integrity);
  record.kind = static_cast<std::uint8_t>(definition.kind);
  record.tick_size = definition.tick_size;
  record.lot_size = definition.lot_size;
  record.venue_length = static_cast<std::uint8_t>(definition.venue.size());
  record.symbol_length = static_cast<std::uint8_t>(definition.symbol.size());
  record.base_length = static_cast<std::uint8_t>(definition.base.size());
  record.quote_length = static_cast<std::uint8_t>(definition.quote.size());
  record.adapter_length = static_cast<std::uint8_t>(definition.adapter.size());
  const auto cells = with_texts(record, definition.venue + definition.symbol + definition.base + definition.quote +
                                            definition.adapter);
  auto sent = send(cells.data(), cells.size() / kCellBytes);
  if (!sent) return sent.error();
  instruments_ += 1;
  return instruments_;
}

Result<std::uint16_t> Client::open_connection(const std::string& venue, const std::string& url) {
  if (venue.size() > 255 || url.size() > 4000) return too_long("a text of a connection");
  Connection record{};
  record.head.type = static_cast<std::uint8_t>(RecordType::kConnection);
  const auto number = static_cast<std::uint16_t>(connections_ == 65'535 ? 1 : connections_ + 1);
  record.head.frame = frame_of(number, 0);
  record.event = static_cast<std::uint8_t>(ConnectionEvent::kOpen);
  record.venue_length = static_cast<std::uint8_t>(venue.size());
  record.url_length = static_cast<std::uint16_t>(url.size());
  const auto cells = with_texts(record, venue + url);
  auto sent = send(cells.data(), cells.size() / kCellBytes);
  if (!sent) return sent.error();
  connections_ = number;
  return number;
}

Result<void> Client::close_connection(std::uint16_t connection, std::uint16_t close_code, const std::string& reason) {
  if (reason.size() > 4000) return too_long("a text of a connection");
  Connection record{};
  record.head.type = static_cast<std::uint8_t>(RecordType::kConnection);
  record.head.frame = frame_of(connection, 0);
  record.event = static_cast<std::uint8_t>(ConnectionEvent::kClose);
  record.close_code = close_code;
  record.reason_length = static_cast<std::uint16_t>(reason.size());
  const auto cells = with_texts(record, reason);
  auto sent = send(cells.data(), cells.size() / kCellBytes);
  if (!sent) return sent.error();
  return {};
}

Result<std::uint64_t> Client::send(const void* cells, std::size_t count) {
  const std::size_t bytes = count * kCellBytes;
  if (bytes > welcome_.payload_bytes_max) {
    return Error{"TF_BATCH_TOO_LARGE", "a batch of " + std::to_string(bytes) + " bytes; the server takes " +
                                           std::to_string(welcome_.payload_bytes_max), "", 0};
  }
  const wire::BatchHeader header = wire::make_batch_header(last_sent_ + 1, cells, bytes);
  batch_.resize(sizeof header + bytes);
  std::memcpy(batch_.data(), &header, sizeof header);
  if (bytes != 0) std::memcpy(batch_.data() + sizeof header, cells, bytes);
  last_sent_ += 1;
  auto sent = send_all(batch_.data(), batch_.size());
  if (!sent) return sent.error();
  return last_sent_;
}

Result<void> Client::wait(std::uint64_t batch) {
  if (level_ == wire::AckLevel::kNone || batch > last_sent_) {
    return Error{"TF_USAGE", "batch " + std::to_string(batch) + " was not sent, or nothing is acknowledged", "", 0};
  }
  while (acknowledged_ < batch) {
    auto received = receive(true);
    if (!received) return received;
  }
  for (const Refused& one : refused_) {
    if (one.batch <= batch) {
      return Error{"TF_REFUSED", "batch " + std::to_string(one.batch) + " was refused: " + one.text, "", 0};
    }
  }
  return {};
}

Result<void> Client::send_all(const void* bytes, std::size_t length) {
  const auto* at = static_cast<const std::uint8_t*>(bytes);
  while (length > 0) {
    // A server whose answers are not read stops reading: so they are, whenever they come.
    pollfd ready{socket_.get(), POLLIN | POLLOUT, 0};
    if (::poll(&ready, 1, -1) < 0 && errno != EINTR) return lost(errno);
    if ((ready.revents & POLLIN) != 0) {
      auto received = receive(false);
      if (!received) return received;
    }
    if ((ready.revents & (POLLOUT | POLLERR | POLLHUP)) == 0) continue;
    const ssize_t sent = ::send(socket_.get(), at, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
      const int number = errno;
      // The reason may be there to be read.
      auto received = receive(true);
      return received ? lost(number) : received;
    }
    if (sent > 0) {
      at += sent;
      length -= static_cast<std::size_t>(sent);
    }
  }
  return {};
}

Result<void> Client::receive(bool wait) {
  std::uint8_t bytes[4096];
  const ssize_t got = ::recv(socket_.get(), bytes, sizeof bytes, wait ? 0 : MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  if (got <= 0) return lost(got < 0 ? errno : 0);
  received_.insert(received_.end(), bytes, bytes + got);
  return take_answers();
}

Result<void> Client::take_answers() {
  std::size_t used = 0;
  while (received_.size() - used >= sizeof(wire::AnswerHeader)) {
    const std::uint8_t* at = received_.data() + used;
    const auto header = wire::read<wire::AnswerHeader>(at);
    if (header.bytes < sizeof header) return lost(EPROTO);
    if (received_.size() - used < header.bytes) break;
    const std::string text(reinterpret_cast<const char*>(at) + sizeof header, header.bytes - sizeof header);
    switch (static_cast<wire::AnswerKind>(header.kind)) {
      case wire::AnswerKind::kWelcome:
        if (header.bytes < sizeof welcome_) return lost(EPROTO);
        welcome_ = wire::read<wire::Welcome>(at);
        welcomed_ = true;
        break;
      case wire::AnswerKind::kAck:
        acknowledged_ = header.batch;
        break;
      case wire::AnswerKind::kRefused:
        refused_.push_back({header.batch, static_cast<wire::Code>(header.code), text});
        break;
      case wire::AnswerKind::kError:
        return Error{welcomed_ ? "TF_DISCONNECTED" : "TF_REFUSED", "the server ended the connection: " + text, "", 0};
    }
    used += header.bytes;
  }
  received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(used));
  return {};
}

Error Client::lost(int number) const {
  return Error{"TF_DISCONNECTED",
               std::string("the connection to the recorder is lost") + (number == 0 ? "" : ": ") +
                   (number == 0 ? "" : std::strerror(number)),
               "", number};
}

}  // namespace tickforge
