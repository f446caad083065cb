// Knows what was produced and acknowledged, and holds a recovered directory against it. It reads segments block by
// block and shares no code with the writer.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "format/record.h"

namespace tickforge::testing {

class JournalOracle {
 public:
  using Bytes = std::vector<std::uint8_t>;

  /// A recorder starts. Its records follow those of the one before.
  void begin_life();
  /// Number of the next record, which stands in the low bits of its head's `frame`.
  std::uint64_t next_number() const { return records_.size() + 1; }
  /// Its connection number tells the producer: what one produced stays in order.
  void produced(Bytes record) { records_.push_back(std::move(record)); }
  std::uint64_t produced_in_life() const { return records_.size() - lives_.back().before; }
  /// The record is durable: it may never be missing from now on.
  void acknowledge(std::uint64_t number);
  bool is_acknowledged(std::uint64_t number) const { return durable_.contains(number); }
  /// A producer is gone without having closed its connection.
  void producer_left() { producers_left_ += 1; }
  /// The disk failed in this life: a part may end before its last block.
  void io_failed() { io_failures_ += 1; }
  /// It stopped in order, or not.
  void end_life(bool in_order) { lives_.back().in_order = in_order; }
  bool ended_in_order() const { return lives_.empty() || lives_.back().in_order; }

  std::uint64_t acknowledged() const { return durable_.size(); }
  /// Marks that the last check found.
  std::uint64_t marks() const { return marks_; }

  /// What the check may not ask of a file, by name.
  struct Allowances {
    /// It can hold pages that are not on the disk.
    std::function<bool(const std::string&)> may_lose;
    /// Its index could not be written to the end.
    std::function<bool(const std::string&)> index_may_differ;
  };
  /// Holds every segment of the journal in `directory` against what is known, and takes note of what is there: it has
  /// to stay. The first contradiction, or nothing.
  std::optional<std::string> check(const std::string& directory, const std::string& journal,
                                   const Allowances& allowances);

 private:
  struct Life {
    std::uint64_t before = 0;  // records of the lives before
    bool in_order = false;
  };
  struct Walk;

  std::uint64_t records_of(std::size_t life) const {
    return (life + 1 < lives_.size() ? lives_[life + 1].before : records_.size()) - lives_[life].before;
  }
  std::size_t life_of(std::uint64_t number) const;

  std::vector<Bytes> records_;
  std::vector<Life> lives_;
  std::vector<bool> must_stay_;
  std::unordered_set<std::uint64_t> durable_;  // acknowledged as such
  std::uint64_t producers_left_ = 0;
  std::uint64_t io_failures_ = 0;
  std::uint64_t marks_ = 0;
};

}  // namespace tickforge::testing
