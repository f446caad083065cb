// The only place with futex calls. Words may lie in memory that several processes share.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>

namespace tickforge {

static_assert(sizeof(std::atomic<std::uint32_t>) == 4 && std::atomic<std::uint32_t>::is_always_lock_free);

/// Sleeps while `word` holds `expected`, for at most `timeout_ns`. May return early for no reason: callers look again.
inline void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected, std::int64_t timeout_ns) {
  if (timeout_ns <= 0) return;
  constexpr std::int64_t kSecond = 1'000'000'000;
  const timespec timeout{static_cast<time_t>(timeout_ns / kSecond), static_cast<long>(timeout_ns % kSecond)};
  ::syscall(SYS_futex, &word, FUTEX_WAIT, expected, &timeout, nullptr, 0);
}

inline void futex_wake_one(std::atomic<std::uint32_t>& word) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

inline void futex_wake_all(std::atomic<std::uint32_t>& word) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

/// A word that sleepers read before they look for work and sleep on afterwards. Ringing always changes it, so a ring
/// between the look and the sleep makes the kernel refuse the sleep.
using Bell = std::atomic<std::uint32_t>;

inline void ring_one(Bell& bell) {
  bell.fetch_add(1, std::memory_order_seq_cst);
  futex_wake_one(bell);
}

inline void ring_all(Bell& bell) {
  bell.fetch_add(1, std::memory_order_seq_cst);
  futex_wake_all(bell);
}

}  // namespace tickforge
