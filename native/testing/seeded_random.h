// Random choices that a seed repeats on every machine: of the standard library only the engine is used, whose numbers
// the standard fixes.
#pragma once

#include <cstdint>
#include <random>

namespace tickforge::testing {

class SeededRandom {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t bits() { return engine_(); }
  /// From 0 to `end` - 1; 0 when `end` is 0.
  std::uint64_t below(std::uint64_t end) { return end == 0 ? 0 : engine_() % end; }
  std::uint64_t between(std::uint64_t least, std::uint64_t most) { return least + below(most - least + 1); }
  bool chance(std::uint64_t in_a_thousand) { return below(1000) < in_a_thousand; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace tickforge::testing
