// The only place with epoll and eventfd calls.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "base/unique_fd.h"

namespace tickforge {

struct LoopEvent {
  std::uint64_t token;  // of add()
  bool readable;        // an end of the other side counts: the read that follows tells
  bool writable;
  bool ended;           // the other side has sent its last byte, or there is an error
};

/// Edge-triggered: an event comes once for each change; whoever gets one goes on until there is nothing more, or keeps
/// the descriptor in mind.
class EpollLoop {
 public:
  /// Errors: TF_IO when the kernel has no descriptor left.
  static Result<EpollLoop> create();

  /// Watches both directions until the descriptor is closed. Errors: TF_IO.
  Result<void> add(int fd, std::uint64_t token);
  /// What happened within `timeout_ns`, rounded up to milliseconds; negative = however long it takes. Valid until the
  /// next call.
  std::span<const LoopEvent> wait(std::int64_t timeout_ns);

 private:
  static constexpr int kEventsMax = 256;

  explicit EpollLoop(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
  std::array<LoopEvent, kEventsMax> events_{};
};

/// A descriptor that other threads make readable.
class WakeUp {
 public:
  /// Errors: TF_IO.
  static Result<WakeUp> create();
  int fd() const { return fd_.get(); }
  /// Another descriptor of the same event. Errors: TF_IO.
  Result<UniqueFd> share() const;
  /// Any thread.
  void signal();
  /// Takes all signals so far back.
  void clear();

 private:
  explicit WakeUp(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace tickforge
