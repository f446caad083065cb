#include "ingest/client_session.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tickforge {

// A unit that is split between two reads is completed in the session's own memory: the kernel writes the rest of it
// there and what follows into the ring or the lent buffer, with one call.
ClientSession::Read ClientSession::read(std::span<std::uint8_t> buffer, std::int64_t now, std::size_t& bytes) {
  bytes = 0;
  if (input_.blocked()) input_.feed(nullptr, 0);
  if (input_.blocked()) return Read::kBlocked;
  if (!ended()) {
    if (std::uint8_t* landing = input_.landing(buffer.size())) buffer = {landing, buffer.size()};
  }
  std::array<iovec, 2> parts{};
  int count = 0;
  const std::size_t wanted = input_.wanted();
  const std::span<std::uint8_t> own = wanted == 0 ? std::span<std::uint8_t>() : input_.place();
  if (!own.empty()) parts[count++] = {own.data(), own.size()};
  if (own.size() == wanted) parts[count++] = {buffer.data(), buffer.size()};
  const std::size_t asked = own.size() + (own.size() == wanted ? buffer.size() : 0);
  ssize_t got;
  do {
    got = ::readv(socket_.get(), parts.data(), count);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return errno == EAGAIN ? Read::kDrained : Read::kBroken;
  if (got == 0) return Read::kLeft;
  bytes = static_cast<std::size_t>(got);
  heard_ = now;
  if (!ended()) {
    const std::size_t placed = std::min(own.size(), bytes);
    if (placed != 0) input_.placed(placed);
    if (input_.wanted() == 0) input_.feed(buffer.data(), bytes - placed);
  }
  if (input_.blocked()) return Read::kBlocked;
  return bytes < asked ? Read::kDrained : Read::kMore;
}

bool ClientSession::send(std::int64_t now) {
  while (!answers_.empty()) {
    const ssize_t sent = ::send(socket_.get(), answers_.data(), answers_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN;
    answers_.sent(static_cast<std::size_t>(sent));
    answers_moved_ = now;
  }
  answers_moved_ = now;
  return true;
}

bool ClientSession::leave() {
  Protocol* protocol = input_.protocol();
  return protocol == nullptr || protocol->leave(heard_end_ && !broken_);
}

void ClientSession::end(wire::Code code, std::string_view text) {
  if (Protocol* protocol = input_.protocol()) protocol->end(code, text);
  ended_ = true;
}

void ClientSession::finish() { ::shutdown(socket_.get(), SHUT_WR); }

}  // namespace tickforge
