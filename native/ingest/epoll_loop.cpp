#include "ingest/epoll_loop.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "base/assert.h"

namespace tickforge {

Result<EpollLoop> EpollLoop::create() {
  UniqueFd fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!fd) return system_error("TF_IO", "making", "an epoll descriptor", errno);
  return EpollLoop(std::move(fd));
}

Result<void> EpollLoop::add(int fd, std::uint64_t token) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = token;
  if (::epoll_ctl(fd_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return system_error("TF_IO", "watching", "a socket", errno);
  }
  return {};
}

std::span<const LoopEvent> EpollLoop::wait(std::int64_t timeout_ns) {
  std::array<epoll_event, kEventsMax> happened;
  constexpr std::int64_t kNsPerMs = 1'000'000;
  const std::int64_t ms = std::min<std::int64_t>((timeout_ns + kNsPerMs - 1) / kNsPerMs, std::numeric_limits<int>::max());
  const int count = ::epoll_wait(fd_.get(), happened.data(), kEventsMax, timeout_ns < 0 ? -1 : static_cast<int>(ms));
  // EINTR is the only error of a valid descriptor; edges that were not delivered come with the next call.
  if (count < 0) TF_ASSERT(errno == EINTR);
  for (int i = 0; i < count; ++i) {
    const std::uint32_t bits = happened[i].events;
    const bool ended = (bits & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    events_[i] = {happened[i].data.u64, (bits & EPOLLIN) != 0 || ended, (bits & EPOLLOUT) != 0, ended};
  }
  return {events_.data(), static_cast<std::size_t>(std::max(count, 0))};
}

Result<WakeUp> WakeUp::create() {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) return system_error("TF_IO", "making", "an eventfd", errno);
  return WakeUp(std::move(fd));
}

Result<UniqueFd> WakeUp::share() const {
  UniqueFd fd(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
  if (!fd) return system_error("TF_IO", "sharing", "an eventfd", errno);
  return fd;
}

void WakeUp::signal() {
  const std::uint64_t one = 1;
  // It cannot fail but for a full counter, which is readable as well.
  (void)!::write(fd_.get(), &one, sizeof one);
}

void WakeUp::clear() {
  std::uint64_t count;
  (void)!::read(fd_.get(), &count, sizeof count);
}

}  // namespace tickforge
