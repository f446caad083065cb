#include "ingest/protocol_input.h"

#include <algorithm>
#include <utility>

namespace tickforge {
namespace {

/// Of a unit whose length is not known, this much is joined with its beginning at a time.
constexpr std::size_t kJoinBytes = 4096;

}  // namespace

std::span<std::uint8_t> ProtocolInput::place() {
  if (pending_.room() == 0) pending_.reserve(std::min(wanted(), std::max(pending_.size(), kJoinBytes)));
  return {pending_.end(), std::min(wanted(), pending_.room())};
}

void ProtocolInput::placed(std::size_t length) {
  pending_.grow(length);
  if (pending_.size() == needed_) needed_ = 0;
}

void ProtocolInput::feed(const std::uint8_t* bytes, std::size_t length) {
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

Taken ProtocolInput::take(const std::uint8_t* bytes, std::size_t length) {
  if (!protocol_) {
    std::size_t needed = 0;
    protocol_ = chooser_.choose(bytes, length, answers_, needed);
    if (!protocol_) return {0, needed, false};
  }
  return protocol_->take(bytes, length);
}

}  // namespace tickforge
