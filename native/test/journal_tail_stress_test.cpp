// Readers of several speeds beside a recorder at full speed, which changes segments and repeats the ends of parts.
// TICKFORGE_TAIL_RECORDS says how many records a producer publishes: 20,000 unless it does.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "testing/live_writer.h"
#include "testing/seeded_random.h"
#include "testing/tail_reader.h"

namespace tickforge::testing {
namespace {

std::uint64_t records_wanted() {
  const char* text = std::getenv("TICKFORGE_TAIL_RECORDS");
  return text == nullptr ? 20'000 : std::strtoull(text, nullptr, 10);
}

void produce(SpscRing& ring, std::uint32_t producer, std::uint64_t first, std::uint64_t records) {
  for (std::uint64_t number = first; number <= records; ++number) {
    ASSERT_TRUE(ring.wait_for_space(1, kTailWaitNs));
    publish(ring, make_numbered(producer, number));
    // Bursts, with pauses in which the others come up.
    if (number % 5000 == 0) std::this_thread::yield();
  }
}

/// Writes batches of blocks until all is taken; some of them fail and are written again in another part.
class BusyWriter {
 public:
  BusyWriter(LiveWriter& writer, std::vector<std::uint32_t> producers, std::uint64_t records, std::uint64_t seed)
      : writer_(writer), producers_(std::move(producers)), left_(producers_.size() * records), random_(seed) {
    writer_.begin_segment(ts_);
    writer_.end_block(0);
  }

  void run() {
    while (left_ > 0) {
      const std::uint64_t first = end_of_records();
      std::map<std::uint32_t, std::uint32_t> batch;
      for (std::uint32_t i = 0; i < 1 + random_.below(6); ++i) {
        const std::uint32_t producer = producers_[random_.below(producers_.size())];
        const std::uint32_t before = writer_.taken(producer);
        writer_.take(producer, 1 + static_cast<std::uint32_t>(random_.below(700)));
        batch[producer] += writer_.taken(producer) - before;
      }
      if (random_.below(12) == 0) {
        repeat(first, batch);
        continue;
      }
      for (const auto& [producer, cells] : batch) {
        left_ -= cells;
        writer_.release(producer);
      }
      if (random_.below(40) == 0) begin_day();
      if (batch.empty() || random_.below(4) == 0) std::this_thread::yield();
    }
  }

 private:
  std::uint64_t end_of_records() const {
    const IndexEntry& last = writer_.builder().entries().back();
    return last.first_record + last.record_count;
  }
  void repeat(std::uint64_t first, const std::map<std::uint32_t, std::uint32_t>& batch) {
    for (const auto& [producer, cells] : batch) writer_.take_again(producer, cells);
    writer_.begin_segment(ts_, ++part_);
    writer_.own(make_own_gap(GapCause::kWriteError, ts_, first));
    writer_.end_block(0);
  }
  void begin_day() {
    writer_.end_block(0, kBlockLast);
    ts_ += kNsPerDay;
    part_ = 0;
    writer_.begin_segment(ts_);
    writer_.end_block(0);
  }

  LiveWriter& writer_;
  std::vector<std::uint32_t> producers_;
  std::uint64_t left_;
  SeededRandom random_;
  std::int64_t ts_ = kNoon;
  std::uint32_t part_ = 0;
};

enum class Pace { kSpins, kSleeps, kSlow, kStops };

void follow(const std::string& data, Pace pace, const std::vector<std::uint32_t>& producers, std::uint64_t records,
            std::uint64_t seed, TailReader& reader) {
  SeededRandom random(seed);
  const auto finished = [&] {
    return std::all_of(producers.begin(), producers.end(),
                       [&](std::uint32_t producer) { return reader.trades[producer].size() >= records; });
  };
  while (!finished() && !reader.error) {
    if (!reader.read(kTailWaitNs)) return;
    if (pace == Pace::kSlow && random.below(3) == 0) ::usleep(static_cast<useconds_t>(random.below(20'000)));
    if (pace == Pace::kStops && random.below(4) == 0) reader.reopen(data);
  }
}

void run(std::uint64_t seed) {
  TempDir directory;
  const std::string data = directory.file("data");
  std::filesystem::create_directory(data);
  const std::uint64_t records = records_wanted();
  LiveWriter writer(data);
  const std::vector<std::uint32_t> producers{0, writer.add_producer(), writer.add_producer()};
  BusyWriter busy(writer, producers, records, seed);

  const std::vector<Pace> paces{Pace::kSpins, Pace::kSleeps, Pace::kSlow, Pace::kStops};
  std::vector<std::unique_ptr<TailReader>> readers;
  for (const Pace pace : paces) {
    readers.push_back(std::make_unique<TailReader>(data, TailStart::kBegin, pace == Pace::kSpins));
  }
  // One that nobody writes yet: however busy the machine is, something has come from a ring.
  publish(writer.ring(), make_numbered(0, 1));
  ASSERT_TRUE(readers[0]->read_until(0, 1));
  std::vector<std::thread> threads;
  for (const std::uint32_t producer : producers) {
    threads.emplace_back([&, producer] { produce(writer.ring(producer), producer, producer == 0 ? 2 : 1, records); });
  }
  threads.emplace_back([&] { busy.run(); });
  for (std::size_t i = 0; i < paces.size(); ++i) {
    threads.emplace_back([&, i] { follow(data, paces[i], producers, records, seed + i, *readers[i]); });
  }
  for (std::thread& thread : threads) thread.join();

  for (std::size_t i = 0; i < paces.size(); ++i) {
    EXPECT_FALSE(readers[i]->error) << readers[i]->error->message;
    for (const std::uint32_t producer : producers) {
      EXPECT_EQ(flaw(readers[i]->trades[producer], records), "")
          << "pace " << i << ", producer " << producer << ", seed " << seed;
    }
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(readers[0]->from_rings, 0u);
  EXPECT_GT(readers[2]->from_file, 0u);
}

TEST(JournalTailStress, ReadersOfAnySpeedGetEveryRecordOnce) {
  for (std::uint64_t seed = 1; seed <= 3 && !HasFailure(); ++seed) run(seed);
}

}  // namespace
}  // namespace tickforge::testing
