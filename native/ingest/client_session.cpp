#include "ingest/client_session.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace tickforge {
namespace {

/// Of a unit whose length is not known, this much is joined with its beginning at a time.
constexpr std::size_t kJoinBytes = 4096;

}  // namespace

// A unit that is split between two reads is completed in the session's own memory: the kernel writes the rest of it
// there and what follows into the lent buffer, with one call.
ClientSession::Read ClientSession::read(std::span<std::uint8_t> buffer, std::int64_t now, std::size_t& bytes) {
  bytes = 0;
  if (blocked_) feed(nullptr, 0);
  if (blocked_) return Read::kBlocked;
  std::array<iovec, 2> parts{};
  std::size_t count = 0;
  std::size_t own = 0;
  if (needed_ > pending_.size()) {
    const std::size_t wanted = needed_ - pending_.size();
    // Memory for bytes that are there, not for those that a header announced.
    if (pending_.room() == 0) pending_.reserve(std::min(wanted, std::max<std::size_t>(pending_.size(), kJoinBytes)));
    own = std::min(wanted, pending_.room());
    parts[count++] = {pending_.end(), own};
    if (own == wanted) parts[count++] = {buffer.data(), buffer.size()};
  } else {
    parts[count++] = {buffer.data(), buffer.size()};
  }
  const std::size_t asked = own + (count == 2 || own == 0 ? buffer.size() : 0);
  ssize_t got;
  do {
    got = ::readv(socket_.get(), parts.data(), static_cast<int>(count));
  } while (got < 0 && errno == EINTR);
  if (got < 0) return errno == EAGAIN ? Read::kDrained : Read::kBroken;
  if (got == 0) return Read::kLeft;
  bytes = static_cast<std::size_t>(got);
  heard_ = now;
  if (!ended()) {
    const std::size_t joined = std::min(own, bytes);
    pending_.grow(joined);
    if (joined != 0 && pending_.size() == needed_) needed_ = 0;
    if (joined == 0 || needed_ == 0) feed(buffer.data(), bytes - joined);
  }
  if (blocked_) return Read::kBlocked;
  return bytes < asked ? Read::kDrained : Read::kMore;
}

void ClientSession::feed(const std::uint8_t* bytes, std::size_t length) {
  if (std::exchange(blocked_, false) && pending_.empty()) {
    // The protocol itself holds what it could not take.
    const Taken taken = take(nullptr, 0);
    blocked_ = taken.blocked;
    if (blocked_) return pending_.append(bytes, length);
  }
  bool again = true;  // pending_ has not been offered as it is
  while (!pending_.empty() && !ended()) {
    const std::size_t before = pending_.size();
    std::size_t joined = 0;
    if (!again || needed_ > before) {
      joined = std::min(length, needed_ > before ? needed_ - before : kJoinBytes);
      if (joined == 0) return;
      pending_.append(bytes, joined);
    }
    if (needed_ > pending_.size()) return;
    const Taken taken = take(pending_.data(), pending_.size());
    needed_ = taken.needed == 0 || taken.needed <= pending_.size() - taken.used ? 0 : taken.needed;
    again = false;
    if (taken.used >= before) {
      // The unit ended in the bytes that came: the rest of them is read where it lies.
      bytes += taken.used - before;
      length -= taken.used - before;
      pending_.erase_front(pending_.size());
    } else {
      pending_.erase_front(taken.used);
      bytes += joined;
      length -= joined;
    }
    if (taken.blocked) {
      blocked_ = true;
      pending_.append(bytes, length);
      return;
    }
  }
  if (length == 0 || ended()) return;
  const Taken taken = take(bytes, length);
  needed_ = taken.needed;
  blocked_ = taken.blocked;
  pending_.append(bytes + taken.used, length - taken.used);
}

Taken ClientSession::take(const std::uint8_t* bytes, std::size_t length) {
  if (!protocol_) {
    std::size_t needed = 0;
    protocol_ = chooser_.choose(bytes, length, answers_, needed);
    if (!protocol_) return {0, needed, false};
  }
  return protocol_->take(bytes, length);
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
  return !protocol_ || protocol_->leave(heard_end_ && !broken_);
}

void ClientSession::end(wire::Code code, std::string_view text) {
  if (protocol_) protocol_->end(code, text);
  ended_ = true;
}

void ClientSession::finish() { ::shutdown(socket_.get(), SHUT_WR); }

}  // namespace tickforge
