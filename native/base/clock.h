// The only place that reads a clock, or sleeps by one.
#pragma once

#include <time.h>

#include <cstdint>

namespace tickforge {

/// Nanoseconds since the epoch, UTC (CLOCK_REALTIME): what ts_recv holds.
inline std::int64_t realtime_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

/// Nanoseconds of a clock that never steps (CLOCK_MONOTONIC): for intervals.
inline std::int64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

/// Ends early for a signal: whoever waits looks again.
inline void sleep_ns(std::int64_t ns) {
  if (ns <= 0) return;
  const timespec length{static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
  (void)::nanosleep(&length, nullptr);
}

inline constexpr std::int64_t kNsPerDay = 86'400'000'000'000;

/// Day of a time, counted from 1970-01-01, UTC; floors for times before the epoch.
constexpr std::int32_t day_of(std::int64_t ts) {
  const std::int64_t day = ts / kNsPerDay;
  return static_cast<std::int32_t>(ts % kNsPerDay < 0 ? day - 1 : day);
}

}  // namespace tickforge
