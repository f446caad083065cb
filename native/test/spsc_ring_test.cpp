#include "ring/spsc_ring.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "base/clock.h"

namespace tickforge {
namespace {

constexpr std::int64_t kLong = 20'000'000'000;  // far longer than any test runs

std::shared_ptr<SpscRing> make_ring() {
  auto ring = SpscRing::create(SpscRing::kBytesMin);
  EXPECT_TRUE(ring);
  return ring.take();
}

std::uint64_t& word_at(SpscRing& ring, std::uint32_t position) {
  return *reinterpret_cast<std::uint64_t*>(ring.at(position));
}

TEST(SpscRing, ShowsTheSameCellsTwice) {
  auto ring = make_ring();
  std::uint8_t* cells = ring->cells();
  cells[5] = 17;
  cells[2 * ring->bytes() - 1] = 18;
  EXPECT_EQ(cells[ring->bytes() + 5], 17);
  EXPECT_EQ(cells[ring->bytes() - 1], 18);
}

TEST(SpscRing, KeepsARecordThatPassesTheEndContiguous) {
  auto ring = make_ring();
  const std::uint32_t near_end = ring->capacity() - 1;
  ASSERT_NE(ring->reserve(near_end), nullptr);
  ring->commit(near_end);
  ring->release(near_end);
  std::uint8_t* record = ring->reserve(3);
  ASSERT_NE(record, nullptr);
  std::memset(record, 9, 3 * kCellBytes);
  ring->commit(3);
  EXPECT_EQ(std::memcmp(ring->at(near_end), record, 3 * kCellBytes), 0);
  EXPECT_EQ(ring->cells()[2 * kCellBytes - 1], 9) << "the last two cells lie at the start";
  EXPECT_EQ(ring->published(), near_end + 3);
}

TEST(SpscRing, RefusesWhatDoesNotFitAndGoesOnAfterARelease) {
  auto ring = make_ring();
  ASSERT_NE(ring->reserve(ring->capacity()), nullptr);
  ring->commit(ring->capacity());
  EXPECT_EQ(ring->reserve(1), nullptr);
  EXPECT_FALSE(ring->wait_for_space(1, 1'000'000));
  ring->release(2);
  EXPECT_NE(ring->reserve(2), nullptr);
  EXPECT_EQ(ring->reserve(3), nullptr);
}

TEST(SpscRing, CountsPositionsBeyondTheWordsRange) {
  auto ring = make_ring();
  const std::uint64_t rounds = (std::uint64_t{1} << 32) / ring->capacity() + 2;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    ASSERT_NE(ring->reserve(ring->capacity()), nullptr);
    ring->commit(ring->capacity());
    ASSERT_EQ(ring->reserve(1), nullptr);
    ring->release(ring->published());
  }
  EXPECT_EQ(ring->published(), 2 * ring->capacity());
}

TEST(SpscRing, TellsAWaitingProducerThatNobodyConsumesAnyMore) {
  auto ring = make_ring();
  ring->commit(ring->capacity());
  std::thread consumer([&] { ring->stop(RingState::kFailed); });
  EXPECT_FALSE(ring->wait_for_space(1, kLong));
  consumer.join();
  EXPECT_EQ(ring->state(), RingState::kFailed);
}

TEST(SpscRing, WakesAConsumerForARequestWithoutCells) {
  auto ring = make_ring();
  std::atomic<bool> requested{false};
  std::thread caller([&] {
    requested.store(true);
    ring->wake_consumer();
  });
  const std::int64_t began = monotonic_ns();
  ring->wait_for_data(0, 1, kLong, [&] { return requested.load(); });
  EXPECT_LT(monotonic_ns() - began, kLong);
  EXPECT_TRUE(requested.load());
  caller.join();
}

TEST(SpscRing, LetsAConsumerThatWantsManyCellsSleepUntilTheyAreThere) {
  auto ring = make_ring();
  std::atomic<std::uint32_t> sent{0};
  std::thread producer([&] {
    for (std::uint32_t i = 1; i <= 100; ++i) {
      sent.store(i);
      ring->commit(1);
    }
  });
  const std::int64_t began = monotonic_ns();
  ring->wait_for_data(0, 100, kLong, [] { return false; });
  EXPECT_LT(monotonic_ns() - began, kLong);
  EXPECT_EQ(sent.load(), 100u);
  producer.join();
}

TEST(SpscRing, WakesAConsumerThatWantsMoreThanThereIsRoomForWhenTheProducerWaits) {
  auto ring = make_ring();
  ring->commit(ring->capacity() - 1);
  std::thread consumer([&] {
    ring->wait_for_data(0, ring->capacity(), kLong, [] { return false; });
    ring->release(ring->published());
  });
  EXPECT_TRUE(ring->wait_for_space(2, kLong));
  consumer.join();
}

/// Takes `total` cells, each of which must hold its own number. A sleep that lasts its whole time is a lost wake-up.
int consume(SpscRing& ring, std::uint64_t total, std::uint32_t at_most) {
  std::uint32_t position = 0;
  int rescued = 0;
  for (std::uint64_t number = 0; number < total;) {
    const std::uint32_t available = std::min(ring.published() - position, at_most);
    if (available == 0) {
      const std::int64_t began = monotonic_ns();
      const auto wanted = static_cast<std::uint32_t>(std::min<std::uint64_t>(1 + number % 7, total - number));
      ring.wait_for_data(position, wanted, kLong, [] { return false; });
      if (monotonic_ns() - began >= kLong) rescued += 1;
      continue;
    }
    for (std::uint32_t i = 0; i < available; ++i) {
      if (word_at(ring, position + i) != number++) {
        ADD_FAILURE() << "cell " << number - 1 << " holds " << word_at(ring, position + i);
        std::abort();
      }
    }
    position += available;
    ring.release(position);
  }
  return rescued;
}

TEST(SpscRing, LosesNothingWhenBothSidesRunAtFullSpeed) {
  auto ring = make_ring();
  constexpr std::uint64_t kCells = 3'000'000;
  int rescued = -1;
  std::thread consumer([&] { rescued = consume(*ring, kCells, 1000); });
  for (std::uint64_t number = 0; number < kCells;) {
    const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(1 + number % 7, kCells - number));
    ASSERT_TRUE(ring->wait_for_space(count, kLong));
    for (std::uint32_t i = 0; i < count; ++i) word_at(*ring, static_cast<std::uint32_t>(number) + i) = number + i;
    ring->commit(count);
    number += count;
  }
  consumer.join();
  EXPECT_EQ(rescued, 0);
}

TEST(SpscRing, LosesNoWakeUpWhenBothSidesKeepFallingAsleep) {
  auto ring = make_ring();
  constexpr std::uint64_t kRounds = 60'000;
  int rescued = -1;
  std::thread consumer([&] { rescued = consume(*ring, kRounds, 1); });
  for (std::uint64_t number = 0; number < kRounds; ++number) {
    // Waits for the consumer's release each time, so that one side or the other is always about to sleep.
    ASSERT_TRUE(ring->wait_for_space(ring->capacity(), kLong));
    word_at(*ring, static_cast<std::uint32_t>(number)) = number;
    ring->commit(1);
  }
  consumer.join();
  EXPECT_EQ(rescued, 0);
}

}  // namespace
}  // namespace tickforge
