// Batches that are received right into the ring's free memory: wherever they are torn, and whatever stands in them, only
// whole and good ones are published.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "testing/ingest_harness.h"
#include "testing/protocol_run.h"
#include "testing/seeded_random.h"

namespace tickforge::testing {
namespace {

using wire::AckLevel;
using wire::Code;

/// The world's clock is not ours: it gives the time.
Bytes timeless(Bytes record) {
  std::fill_n(record.begin() + offsetof(RecordHead, ts_recv), sizeof(RecordHead::ts_recv), std::uint8_t{0});
  return record;
}

Bytes trades(std::size_t count, std::int64_t first) {
  Bytes payload;
  for (std::size_t i = 0; i < count; ++i) {
    const Bytes trade = timeless(trade_record(1, first + static_cast<std::int64_t>(i)));
    payload.insert(payload.end(), trade.begin(), trade.end());
  }
  return payload;
}

class IngestLandingTest : public ::testing::Test {
 protected:
  IngestLandingTest() : world_(options()) {}
  static IngestOptions options() {
    IngestOptions options = small_options();
    options.payload_bytes_max = 512 * 1024;
    return options;
  }
  /// A client that is let in and has instrument 1, whose definition the first one writes.
  std::unique_ptr<ProtocolRun> admitted() {
    auto client = std::make_unique<ProtocolRun>(world_);
    give(*client, hello_bytes(AckLevel::kDurable) + batch_bytes(1, timeless(definition(1))));
    client->drain();
    return client;
  }
  static void give(ProtocolRun& client, const Bytes& bytes) {
    ASSERT_EQ(client.read(bytes.data(), bytes.size()), bytes.size());
  }
  std::size_t cells_ahead() { return world_.context().appender.position() - world_.ring().published(); }
  /// The ring's next cell is `cells` before its end.
  void move_to(std::uint32_t cells) {
    SpscRing& ring = world_.ring();
    const std::uint32_t there = (2 * ring.capacity() - cells - ring.published()) % ring.capacity();
    ASSERT_NE(ring.reserve(there), nullptr);
    ring.commit(there);
    ring.release(ring.published());
  }
  /// Prices of the trades, in the order of the ring.
  static std::vector<std::int64_t> prices_of(const Bytes& cells) {
    std::vector<std::int64_t> prices;
    for (std::size_t at = 0; at < cells.size(); at += cells[at] * kCellBytes) {
      if (cells[at + 1] == static_cast<std::uint8_t>(RecordType::kTrade)) {
        prices.push_back(wire::read<Trade>(cells.data() + at).price);
      }
    }
    return prices;
  }

  ProtocolWorld world_;
};

TEST_F(IngestLandingTest, LandsInTheRingBehindTheBatchThatHasBegun) {
  const auto client = admitted();
  SpscRing& ring = world_.ring();
  EXPECT_EQ(client->landing(100), ring.at(ring.published()));
  const Bytes batch = batch_bytes(2, trades(8, 0));
  give(*client, Bytes(batch.begin(), batch.begin() + 100));
  EXPECT_EQ(cells_ahead(), 0u);
  EXPECT_EQ(client->landing(100), ring.at(ring.published() + 8));
}

TEST_F(IngestLandingTest, LeavesAClientWithoutAWelcomeItsOwnMemory) {
  ProtocolRun client(world_);
  EXPECT_EQ(client.landing(100), nullptr);
  const Bytes hello = hello_bytes(AckLevel::kNone);
  give(client, Bytes(hello.begin(), hello.begin() + 10));
  EXPECT_EQ(client.landing(100), nullptr);
}

TEST_F(IngestLandingTest, PublishesNothingOfABatchThatFailsItsCrc) {
  const auto good = admitted();
  const auto bad = admitted();
  const std::uint32_t before = world_.ring().published();
  Bytes stream = batch_bytes(2, trades(4, 10)) + batch_bytes(3, trades(4, 20)) + batch_bytes(4, trades(4, 30));
  stream[2 * 24 + 4 * 64 + 100] ^= 1;
  give(*bad, stream);
  EXPECT_FALSE(bad->ended()) << "the batch before is acknowledged first";
  good->drain();
  EXPECT_EQ(world_.ring().published() - before, 4u) << "the batch before the bad one";
  give(*good, batch_bytes(2, trades(4, 40)));
  good->drain();
  EXPECT_EQ(prices_of(good->cells()), (std::vector<std::int64_t>{10, 11, 12, 13, 40, 41, 42, 43}));
  bad->drain();
  bad->leave();
  EXPECT_TRUE(bad->ended());
}

TEST_F(IngestLandingTest, KeepsTheBatchesBehindOneThatIsRefused) {
  const auto client = admitted();
  give(*client, batch_bytes(2, trades(4, 10)) + batch_bytes(3, trades(4, 20) + timeless(trade_record(9, 1))) +
                    batch_bytes(4, trades(4, 30)));
  client->drain();
  EXPECT_EQ(prices_of(client->cells()), (std::vector<std::int64_t>{10, 11, 12, 13, 30, 31, 32, 33}));
}

TEST_F(IngestLandingTest, MovesUpBehindADefinitionThatTheJournalHasAlready) {
  const auto client = admitted();
  give(*client, batch_bytes(2, timeless(definition(2)) + timeless(trade_record(2, 10))) +
                    batch_bytes(3, trades(2, 20)));
  client->drain();
  EXPECT_EQ(prices_of(client->cells()), (std::vector<std::int64_t>{10, 20, 21}));
  check_records(client->cells());
}

TEST_F(IngestLandingTest, TakesBatchesAcrossTheEndOfTheRing) {
  const auto client = admitted();
  for (const std::uint32_t before_end : {1u, 5u, 8u, 15u}) {
    move_to(before_end);
    const std::size_t taken = prices_of(client->cells()).size();
    const std::uint64_t batch = 2 * (before_end + 1);
    const Bytes stream = batch_bytes(batch, trades(8, 0)) + batch_bytes(batch + 1, trades(8, 8));
    give(*client, Bytes(stream.begin(), stream.begin() + 700));
    client->drain();
    give(*client, Bytes(stream.begin() + 700, stream.end()));
    client->drain();
    const auto prices = prices_of(client->cells());
    ASSERT_EQ(prices.size(), taken + 16);
    for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(prices[taken + i], static_cast<std::int64_t>(i));
  }
}

TEST_F(IngestLandingTest, WaitsWithItsOwnCopyWhileTheRingIsNearlyFull) {
  const auto client = admitted();
  SpscRing& ring = world_.ring();
  const std::uint32_t filled = ring.capacity() - 5;
  ASSERT_NE(ring.reserve(filled), nullptr);
  ring.commit(filled);
  const Bytes stream = batch_bytes(2, trades(4, 0)) + batch_bytes(3, trades(4, 4));
  EXPECT_EQ(client->landing(stream.size()), nullptr);
  give(*client, stream);
  EXPECT_TRUE(client->blocked());
  EXPECT_EQ(cells_ahead(), 4u) << "the first one had room";
  EXPECT_EQ(client->landing(100), nullptr) << "what waits comes first";
  ring.release(ring.published());
  world_.context().appender.publish();
  client->go_on();
  EXPECT_FALSE(client->blocked());
  client->drain();
  EXPECT_EQ(prices_of(client->cells()), (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST_F(IngestLandingTest, TakesABatchOfManyReadsWhileOthersTakeTheirTurns) {
  const auto slow = admitted();
  const auto quick = admitted();
  const Bytes large = batch_bytes(2, trades(4'000, 0));
  std::uint64_t batch = 2;
  for (std::size_t at = 0; at < large.size();) {
    at += slow->read(large.data() + at, std::min<std::size_t>(20'000, large.size() - at));
    give(*quick, batch_bytes(batch++, trades(3, -9)));
    quick->drain();
  }
  const auto prices = prices_of(quick->cells());
  const auto first = std::find(prices.begin(), prices.end(), 0);
  ASSERT_GE(prices.end() - first, 4'000) << "in one piece";
  for (std::int64_t i = 0; i < 4'000; ++i) ASSERT_EQ(first[i], i);
  EXPECT_EQ(prices.size(), 4'000 + 3 * (batch - 2));
}

TEST_F(IngestLandingTest, TakesTornStreamsOfManyClientsInTurnEachWholeAndInItsOrder) {
  constexpr std::int64_t kOfAClient = 1'000'000;
  SeededRandom random(20'260'801);
  for (int round = 0; round < 30; ++round) {
    world_.reset();
    std::vector<std::unique_ptr<ProtocolRun>> clients;
    std::vector<Bytes> streams(3);
    for (std::size_t i = 0; i < streams.size(); ++i) {
      clients.push_back(admitted());
      std::int64_t next = static_cast<std::int64_t>(i) * kOfAClient;
      for (std::uint64_t batch = 2; batch < 30; ++batch) {
        const std::size_t count = random.chance(100) ? random.below(900) : random.below(12);
        streams[i] = streams[i] + batch_bytes(batch, trades(count, next));
        next += static_cast<std::int64_t>(count);
      }
    }
    ProtocolRun& writer = *clients.front();
    move_to(static_cast<std::uint32_t>(random.below(600)) + 1);
    std::vector<std::size_t> given(streams.size());
    for (bool left = true; left;) {
      left = false;
      for (std::size_t i = 0; i < streams.size(); ++i) {
        const std::size_t rest = streams[i].size() - given[i];
        if (rest == 0) continue;
        const std::size_t most = random.chance(300) ? 40 : 30'000;
        given[i] += clients[i]->read(streams[i].data() + given[i], std::min(rest, 1 + random.below(most)));
        left = true;
        writer.drain();
      }
    }
    const auto prices = prices_of(writer.cells());
    std::vector<std::int64_t> next{0, kOfAClient, 2 * kOfAClient};
    for (const std::int64_t price : prices) {
      std::int64_t& expected = next[static_cast<std::size_t>(price / kOfAClient)];
      ASSERT_EQ(price, expected) << "round " << round;
      ++expected;
    }
    for (std::size_t i = 0; i < streams.size(); ++i) {
      const auto sent = static_cast<std::int64_t>((streams[i].size() - 28 * sizeof(wire::BatchHeader)) / kCellBytes);
      EXPECT_EQ(next[i] - static_cast<std::int64_t>(i) * kOfAClient, sent);
    }
  }
}

}  // namespace
}  // namespace tickforge::testing
