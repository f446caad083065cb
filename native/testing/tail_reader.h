// What a tail delivers, sorted as tests look at it: the trades of each producer, and everything else in order.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "journal/block_walk.h"
#include "tail/journal_tail.h"
#include "testing/journal_files.h"

namespace tickforge::testing {

constexpr std::int64_t kTailWaitNs = 10'000'000'000;  // far longer than any test runs

/// A trade that says whose it is: its instrument is the producer's number + 1.
inline Trade make_numbered(std::uint32_t producer, std::uint64_t number, std::int64_t ts = kNoon) {
  return make_trade(ts, static_cast<std::int64_t>(number), producer + 1);
}

class TailReader {
 public:
  explicit TailReader(const std::string& directory, TailStart start = TailStart::kBegin, bool spin = false)
      : memory_(JournalTail::kBatchBytesMin) {
    TailOptions options;
    options.directory = directory;
    options.journal = "test";
    options.start = start;
    options.spin = spin;
    open(options);
  }
  TailReader(const std::string& directory, const std::string& position) : memory_(JournalTail::kBatchBytesMin) {
    TailOptions options;
    options.directory = directory;
    options.journal = "test";
    options.start = TailStart::kPosition;
    const auto parsed = parse_tail_position(position);
    EXPECT_TRUE(parsed) << position;
    options.position = parsed.value_or(TailPosition{});
    open(options);
  }

  JournalTail& tail() { return *tail_; }
  std::string position() const { return to_text(tail_->position()); }
  /// Goes on at the same position with a tail of its own, as another process would.
  void reopen(const std::string& directory) {
    TailReader next(directory, position());
    error = next.error;
    tail_ = std::move(next.tail_);
  }

  /// One batch; false when none came in time, or an error did.
  bool read(std::int64_t timeout_ns = 0) {
    auto batch = tail_->next(memory_.data(), memory_.size(), timeout_ns);
    if (!batch) {
      error = batch.error();
      return false;
    }
    for (const TailSpan& span : batch.value()->spans()) note(span);
    return !batch.value()->empty();
  }
  /// Until nothing comes any more.
  void read_all() {
    while (read()) {
    }
  }
  /// Until a producer's trades are that many.
  bool read_until(std::uint32_t producer, std::size_t count) {
    while (trades[producer].size() < count) {
      if (!read(kTailWaitNs)) return false;
    }
    return true;
  }

  /// Until a producer's trade with this number, or a later one.
  bool read_to(std::uint32_t producer, std::uint64_t number) {
    while (trades[producer].empty() || trades[producer].back() < number) {
      if (!read(kTailWaitNs)) return false;
    }
    return true;
  }

  /// Numbers of the trades of each producer, as they came.
  std::map<std::uint32_t, std::vector<std::uint64_t>> trades;
  /// Everything else: "segment", "instrument 3", "gap 9" ...
  std::vector<std::string> others;
  std::vector<Gap> gaps;
  std::vector<std::uint32_t> in_force;  // instrument numbers
  std::size_t from_rings = 0;           // records
  std::size_t from_file = 0;
  std::size_t new_segments = 0;
  std::optional<Error> error;

 private:
  void open(const TailOptions& options) {
    auto opened = JournalTail::open(options);
    if (opened) {
      tail_ = opened.take();
    } else {
      error = opened.error();
    }
  }

  void note(const TailSpan& span) {
    new_segments += span.new_segment ? 1 : 0;
    const bool whole = for_each_record(memory_.data() + span.offset, span.bytes, [&](const RecordHead& head) {
      if (span.source == TailSource::kInForce) {
        in_force.push_back(head.instrument);
        return;
      }
      (span.source == TailSource::kRing ? from_rings : from_file) += 1;
      switch (static_cast<RecordType>(head.type)) {
        case RecordType::kTrade:
          EXPECT_EQ(head.instrument, span.producer + 1u);
          trades[head.instrument - 1].push_back(reinterpret_cast<const Trade&>(head).trade_id);
          return;
        case RecordType::kGap:
          gaps.push_back(reinterpret_cast<const Gap&>(head));
          others.push_back("gap " + std::to_string(gaps.back().cause));
          return;
        case RecordType::kInstrument:
          others.push_back("instrument " + std::to_string(head.instrument));
          return;
        default:
          others.push_back(head.type == 1 ? "segment" : "type " + std::to_string(head.type));
      }
    });
    EXPECT_TRUE(whole) << "a span holds whole records";
  }

  std::vector<std::uint8_t> memory_;
  std::unique_ptr<JournalTail> tail_;
};

/// Where numbers that should count up from 1 do not; empty when they do, up to `last`.
inline std::string flaw(const std::vector<std::uint64_t>& numbers, std::uint64_t last) {
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::uint64_t before = i == 0 ? 0 : numbers[i - 1];
    if (numbers[i] != before + 1) return std::to_string(numbers[i]) + " behind " + std::to_string(before);
  }
  return numbers.size() == last ? "" : "ends at " + std::to_string(numbers.size());
}

/// The numbers from `first` to `last`, each once, in order.
inline std::vector<std::uint64_t> numbers(std::uint64_t first, std::uint64_t last) {
  std::vector<std::uint64_t> all;
  for (std::uint64_t i = first; i <= last; ++i) all.push_back(i);
  return all;
}

}  // namespace tickforge::testing
