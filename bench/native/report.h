// What a bench program measured, as one line of JSON.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "base/clock.h"
#include "options.h"

namespace tickforge::bench {

class Report {
 public:
  Report& add(const std::string& name, double value) {
    char text[40];
    std::snprintf(text, sizeof text, "%.9g", value);
    return put(name, text);
  }
  Report& add(const std::string& name, std::uint64_t value) { return put(name, std::to_string(value)); }
  /// A time: as text, because JavaScript's numbers do not hold it.
  Report& add_time(const std::string& name, std::int64_t ns) { return put(name, '"' + std::to_string(ns) + '"'); }
  void print() const {
    std::printf("{%s}\n", text_.c_str());
    std::fflush(stdout);
  }

 private:
  Report& put(const std::string& name, const std::string& value) {
    if (!text_.empty()) text_ += ',';
    text_ += "\"" + name + "\":" + value;
    return *this;
  }
  std::string text_;
};

inline double to_seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

/// Adds `cpu`: all processor time of this process and of its children that have ended, preparation included.
inline void add_whole_cpu(Report& report) {
  double seconds = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage used{};
    ::getrusage(who, &used);
    seconds += to_seconds(used.ru_utime) + to_seconds(used.ru_stime);
  }
  report.add("cpu", seconds);
}

/// Wall-clock and processor time since it was made, of the whole process.
class Stopwatch {
 public:
  double seconds() const { return static_cast<double>(monotonic_ns() - start_) / 1e9; }
  /// Adds `seconds`, `user` and `system` (CPU seconds).
  void add_to(Report& report) const {
    const double elapsed = seconds();
    const rusage now = usage();
    report.add("seconds", elapsed)
        .add("user", to_seconds(now.ru_utime) - to_seconds(before_.ru_utime))
        .add("system", to_seconds(now.ru_stime) - to_seconds(before_.ru_stime));
  }

 private:
  static rusage usage() {
    rusage now{};
    ::getrusage(RUSAGE_SELF, &now);
    return now;
  }

  rusage before_ = usage();
  std::int64_t start_ = monotonic_ns();
};

/// Times of single events. Memory for `most` of them is touched beforehand, so that keeping one costs a store.
class Samples {
 public:
  explicit Samples(std::size_t most) : values_(most) {}
  void keep(std::int64_t value) {
    if (count_ < values_.size()) values_[count_++] = value;
  }
  std::size_t count() const { return count_; }
  std::int64_t largest() const { return *std::max_element(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(count_)); }
  /// Adds `samples`, `p50`, `p99`, `p999` and `max`, each value divided by `unit`.
  void add_to(Report& report, double unit = 1) {
    expect(count_ > 0, "nothing was measured");
    std::sort(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(count_));
    const auto at = [&](double share) {
      const auto rank = static_cast<std::size_t>(share * static_cast<double>(count_));
      return static_cast<double>(values_[std::min(rank, count_ - 1)]) / unit;
    };
    report.add("samples", std::uint64_t{count_}).add("p50", at(0.5)).add("p99", at(0.99)).add("p999", at(0.999));
    report.add("max", at(1));
  }

 private:
  std::vector<std::int64_t> values_;
  std::size_t count_ = 0;
};

}  // namespace tickforge::bench
