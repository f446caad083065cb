// Hands records over between producers and a consumer that falls asleep whenever it can, and counts the sleeps that only
// the time limit ended although something was published: lost wake-ups. One must never be seen.
//
//   tickforge_handover [records]
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "ring/ring_set.h"
#include "testing/seeded_random.h"

namespace tickforge {
namespace {

constexpr std::int64_t kNever = 5'000'000'000;  // a sleep this long was not ended by a bell

/// Waits for room; false when only the time limit ended the wait.
bool wait(SpscRing& ring, std::uint32_t cells) {
  const std::int64_t before = monotonic_ns();
  return ring.wait_for_space(cells, kNever) && monotonic_ns() - before < kNever;
}

/// Watches until all is consumed, without a word to the consumer; false when it does not come to it.
bool watch(SpscRing& ring) {
  const std::int64_t limit = monotonic_ns() + kNever;
  while (ring.consumed() != ring.published()) {
    if (monotonic_ns() > limit) return false;
    std::this_thread::yield();
  }
  return true;
}

/// Publishes 0, 1, 2 ... in bursts, with pauses in which the consumer falls asleep. Now and then it goes on only
/// when all is consumed: nothing that it publishes later can then make up for a wake-up that either side has lost.
bool produce(SpscRing& ring, std::uint64_t records, std::uint64_t seed) {
  testing::SeededRandom random(seed);
  for (std::uint64_t done = 0; done < records;) {
    const std::uint64_t burst = std::min<std::uint64_t>(1 + random.below(random.below(8) == 0 ? 512 : 8), records - done);
    const auto count = static_cast<std::uint32_t>(burst);
    std::uint8_t* cells = ring.reserve(count);
    while (cells == nullptr) {
      if (!wait(ring, count)) return false;
      cells = ring.reserve(count);
    }
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint64_t value = done + i;
      std::memcpy(cells + std::size_t{i} * kCellBytes, &value, sizeof value);
    }
    ring.commit(count);
    done += count;
    for (std::uint64_t spins = random.below(16) == 0 ? random.below(2000) : 0; spins > 0; --spins) {
      __builtin_ia32_pause();
    }
    const std::uint64_t next = random.below(128);
    if (next == 0 && !wait(ring, ring.capacity())) return false;
    if (next < 8 && !watch(ring)) return false;
  }
  return true;
}

struct Outcome {
  std::uint64_t records = 0;
  std::uint64_t sleeps = 0;
  std::uint64_t lost = 0;
  bool in_order = true;
};

Outcome consume(RingSet& set, std::uint64_t records) {
  Outcome outcome;
  std::vector<std::uint32_t> taken(kProducersMax, 0);
  std::vector<std::uint64_t> next(kProducersMax, 0);
  while (outcome.records < records) {
    set.refresh();
    bool moved = false;
    for (const Inlet& inlet : set.inlets()) {
      std::uint32_t& at = taken[inlet.producer];
      const std::uint32_t until = inlet.ring->published();
      for (; at != until; ++at) {
        std::uint64_t value;
        std::memcpy(&value, inlet.ring->at(at), sizeof value);
        outcome.in_order = outcome.in_order && value == next[inlet.producer]++;
        outcome.records += 1;
        moved = true;
      }
      inlet.ring->release(at);
    }
    if (moved) continue;
    const std::int64_t before = monotonic_ns();
    set.wait_for_data([&](std::size_t i) { return taken[set.inlets()[i].producer]; }, 1, kNever, [] { return false; });
    outcome.sleeps += 1;
    if (monotonic_ns() - before >= kNever) outcome.lost += 1;
  }
  return outcome;
}

int run(std::uint64_t records, std::uint32_t producers, bool processes) {
  char name[] = "/tmp/tickforge-handover-XXXXXX";
  const std::string data = ::mkdtemp(name);
  auto made = RingSet::create(shared_directory_of(data, "main").take(), SpscRing::kBytesMin);
  if (!made) {
    std::fprintf(stderr, "%s\n", made.error().message.c_str());
    return 2;
  }
  RingSet& set = *made.value();
  const std::uint64_t each = records / producers;
  std::vector<std::thread> threads;
  std::vector<pid_t> children;
  for (std::uint32_t i = 0; i < producers; ++i) {
    if (processes) {
      const pid_t child = ::fork();
      if (child == 0) {
        auto joined = JoinedRing::open(data, "main", SpscRing::kBytesMin);
        ::_exit(joined && produce(joined.value()->ring(), each, i + 1) ? 0 : 1);
      }
      children.push_back(child);
    } else {
      auto ring = set.add(SpscRing::kBytesMin).take().ring;
      threads.emplace_back([ring, each, i] {
        if (produce(*ring, each, i + 1)) return;
        std::fprintf(stderr, "a producer waited in vain for the consumer: a lost wake-up\n");
        std::_Exit(3);
      });
    }
  }
  const std::int64_t start = monotonic_ns();
  const Outcome outcome = consume(set, each * producers);
  const double seconds = static_cast<double>(monotonic_ns() - start) / 1e9;
  bool producers_ended = true;
  for (std::thread& thread : threads) thread.join();
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    producers_ended = producers_ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  std::filesystem::remove_all(data);
  std::printf("%s: %" PRIu64 " records handed over in %.1f s by %u producer(s), %" PRIu64 " sleeps, %" PRIu64
              " lost wake-ups, order %s\n",
              processes ? "processes" : "threads", outcome.records, seconds, producers, outcome.sleeps, outcome.lost,
              outcome.in_order ? "kept" : "BROKEN");
  return outcome.lost == 0 && outcome.in_order && producers_ended ? 0 : 1;
}

}  // namespace
}  // namespace tickforge

int main(int count, char** arguments) {
  // With one producer no other one can cover a wake-up that it lost.
  const std::uint64_t records = (count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 20'000'000) / 4;
  for (const bool processes : {false, true}) {
    for (const std::uint32_t producers : {1, 2}) {
      const int code = tickforge::run(records, producers, processes);
      if (code != 0) return code;
    }
  }
  return 0;
}
