#include "ring/ring_set.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <thread>

#include "ring/ring_producer.h"

namespace tickforge {
namespace {

constexpr std::int64_t kLong = 20'000'000'000;  // far longer than any test runs

class RingSetTest : public ::testing::Test {
 protected:
  RingSetTest() {
    char name[] = "/tmp/tickforge-rings-XXXXXX";
    data_ = ::mkdtemp(name);
  }
  ~RingSetTest() override { std::filesystem::remove_all(data_); }

  std::string shared() { return shared_directory_of(data_, "main").take(); }
  std::unique_ptr<RingSet> make() {
    auto set = RingSet::create(shared(), SpscRing::kBytesMin);
    EXPECT_TRUE(set);
    return set.take();
  }
  std::string data_;
};

void push(SpscRing& ring, std::uint64_t value) {
  std::uint8_t* cell = ring.reserve(1);
  ASSERT_NE(cell, nullptr);
  std::memcpy(cell, &value, sizeof value);
  ring.commit(1);
}

std::uint64_t value_at(const SpscRing& ring, std::uint32_t position) {
  std::uint64_t value;
  std::memcpy(&value, ring.at(position), sizeof value);
  return value;
}

/// Runs `child` in a process of its own and returns its exit code.
template <typename Child>
int in_process(Child child) {
  const pid_t process = ::fork();
  if (process == 0) ::_exit(child());
  int status = 0;
  ::waitpid(process, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(RingSetTest, DrainsWhatAnotherProcessPublished) {
  auto set = make();
  const int code = in_process([&] {
    auto joined = JoinedRing::open(data_, "main", SpscRing::kBytesMin);
    if (!joined) return 1;
    push(joined.value()->ring(), 17);
    push(joined.value()->ring(), 18);
    return 0;
  });
  ASSERT_EQ(code, 0);
  ASSERT_TRUE(set->refresh());
  ASSERT_EQ(set->inlets().size(), 2u);
  const Inlet& inlet = set->inlets()[1];
  EXPECT_TRUE(inlet.ended) << "its process left in order";
  ASSERT_EQ(inlet.ring->published(), 2u);
  EXPECT_EQ(value_at(*inlet.ring, 1), 18u);
  set->retire(inlet.producer);
  EXPECT_EQ(set->inlets().size(), 1u);
}

TEST_F(RingSetTest, KeepsWhatAProducerPublishedBeforeItWasKilled) {
  auto set = make();
  in_process([&] {
    auto joined = JoinedRing::open(data_, "main", SpscRing::kBytesMin);
    push(joined.value()->ring(), 5);
    ::_exit(9);  // without its destructors
    return 0;
  });
  set->refresh();
  ASSERT_EQ(set->inlets().size(), 2u);
  EXPECT_FALSE(set->inlets()[1].ended);
  set->end_dead();
  EXPECT_TRUE(set->refresh());
  EXPECT_TRUE(set->inlets()[1].ended);
  EXPECT_EQ(value_at(*set->inlets()[1].ring, 0), 5u);
}

TEST_F(RingSetTest, GivesTheNumberOfARetiredProducerToTheNextOneAsANewGeneration) {
  auto set = make();
  const Inlet before = set->add(SpscRing::kBytesMin).take();
  set->end(before);
  set->refresh();
  set->retire(before.producer);
  const Inlet after = set->add(SpscRing::kBytesMin).take();
  EXPECT_EQ(after.producer, before.producer);
  EXPECT_NE(after.generation, before.generation);
  EXPECT_EQ(before.ring->state(), RingState::kClosed);
}

TEST_F(RingSetTest, RefusesMoreProducersThanItHasNumbers) {
  auto set = RingSet::create("", SpscRing::kBytesMin).take();
  for (std::uint32_t i = 1; i < kProducersMax; ++i) ASSERT_TRUE(set->add(SpscRing::kBytesMin));
  auto refused = set->add(SpscRing::kBytesMin);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "TF_TOO_MANY_PRODUCERS");
}

TEST_F(RingSetTest, TellsAProducerThatNobodyRecords) {
  auto refused = JoinedRing::open(data_, "main", SpscRing::kBytesMin);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "TF_NOT_RECORDING");
}

TEST_F(RingSetTest, TellsAProducerThatTheWriterWasKilled) {
  in_process([&] {
    auto set = RingSet::create(shared(), SpscRing::kBytesMin);
    ::_exit(set ? 0 : 1);
    return 0;
  });
  auto refused = JoinedRing::open(data_, "main", SpscRing::kBytesMin);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "TF_NOT_RECORDING");
  EXPECT_TRUE(RingSet::create(shared(), SpscRing::kBytesMin)) << "what it left behind is cleared away";
}

TEST_F(RingSetTest, TellsAProducerThatTheWriterIsKilledWhileItPublishes) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t recorder = ::fork();
  if (recorder == 0) {
    auto set = RingSet::create(shared(), SpscRing::kBytesMin);
    (void)!::write(ready[1], "r", 1);
    for (;;) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  auto joined = JoinedRing::open(data_, "main", SpscRing::kBytesMin);
  ASSERT_TRUE(joined);
  auto other = JoinedRing::open(data_, "main", SpscRing::kBytesMin);
  ASSERT_TRUE(other);
  EXPECT_FALSE(joined.value()->writer_ended());
  ::kill(recorder, SIGKILL);
  ::waitpid(recorder, nullptr, 0);
  EXPECT_TRUE(joined.value()->writer_ended());
  EXPECT_TRUE(other.value()->writer_ended()) << "one that looks does not pass for the writer";
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(RingSetTest, SaysWhichFileIsMissingWhenThereIsNoSharedMemory) {
  ::setenv("TICKFORGE_SHM", "/tmp/there-is-no-such-place", 1);
  auto refused = RingSet::create(shared(), SpscRing::kBytesMin);
  ::unsetenv("TICKFORGE_SHM");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "TF_SHARED_MEMORY");
  EXPECT_NE(refused.error().message.find("/tmp/there-is-no-such-place"), std::string::npos);
}

TEST_F(RingSetTest, WakesTheWriterForAnyOfItsProducers) {
  auto set = make();
  const Inlet other = set->add(SpscRing::kBytesMin).take();
  set->refresh();
  std::thread producer([&] { push(*other.ring, 1); });
  while (other.ring->published() == 0) {
    set->wait_for_data([](std::size_t) { return 0u; }, 1, kLong, [] { return false; });
  }
  producer.join();
  EXPECT_EQ(other.ring->published(), 1u);
}

TEST_F(RingSetTest, WakesTheWriterForANewProducer) {
  auto set = make();
  std::thread joiner([&] { (void)set->add(SpscRing::kBytesMin); });
  while (!set->refresh()) set->wait_for_data([](std::size_t) { return 0u; }, 1, kLong, [] { return false; });
  joiner.join();
  EXPECT_EQ(set->inlets().size(), 2u);
}

TEST_F(RingSetTest, HandsOutEachConnectionNumberOnceAndNeverZero) {
  auto set = RingSet::create("", SpscRing::kBytesMin).take();
  std::vector<bool> seen(65536);
  for (int i = 0; i < 65535; ++i) {
    const std::uint16_t number = set->table().claim_connection();
    ASSERT_NE(number, 0);
    ASSERT_FALSE(seen[number]);
    seen[number] = true;
  }
  EXPECT_EQ(set->table().claim_connection(), 0);
  set->table().free_connection(40000);
  EXPECT_EQ(set->table().claim_connection(), 40000);
}

TEST_F(RingSetTest, ReadsBackTheTailPointThatWasSet) {
  auto set = make();
  TailPoint point;
  point.segment_id = 77;
  point.day = -3;
  point.file_offset = 8192;
  point.cells[63] = 12;
  set->table().set_tail(point);
  const auto read = set->table().tail();
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->segment_id, 77u);
  EXPECT_EQ(read->day, -3);
  EXPECT_EQ(read->cells[63], 12u);
}

TEST(RingProducer, WritesADropRecordInPlaceOfWhatWasRefused) {
  auto ring = SpscRing::create(SpscRing::kBytesMin).take();
  RingProducer producer(ring, FullPolicy::kDrop);
  Trade trade{};
  trade.head.cells = 1;
  trade.head.type = static_cast<std::uint8_t>(RecordType::kTrade);
  for (std::uint32_t i = 0; i < ring->capacity(); ++i) {
    ASSERT_EQ(producer.push(&trade, 1, 1, i), PushResult::kPublished);
  }
  EXPECT_EQ(producer.push(&trade, 1, 1, 1000), PushResult::kDropped);
  EXPECT_EQ(producer.push(&trade, 1, 1, 1001), PushResult::kDropped);
  EXPECT_EQ(ring->dropped(), 2u);
  ring->release(ring->published());
  EXPECT_EQ(producer.push(&trade, 1, 1, 1002), PushResult::kPublished);
  ASSERT_EQ(ring->published(), ring->capacity() + 2);
  Drop drop;
  std::memcpy(&drop, ring->at(ring->capacity()), sizeof drop);
  EXPECT_EQ(drop.head.type, static_cast<std::uint8_t>(RecordType::kDrop));
  EXPECT_EQ(drop.count, 2u);
  EXPECT_EQ(drop.ts_first, 1000);
  EXPECT_EQ(drop.head.ts_recv, 1002);
}

TEST(RingProducer, BlocksUntilThereIsRoom) {
  auto ring = SpscRing::create(SpscRing::kBytesMin).take();
  RingProducer producer(ring, FullPolicy::kBlock);
  ring->commit(ring->capacity());
  std::thread consumer([&] { ring->release(1); });
  Trade trade{};
  EXPECT_EQ(producer.push(&trade, 1, 1, 0), PushResult::kPublished);
  consumer.join();
  EXPECT_EQ(ring->dropped(), 0u);
}

TEST(RingProgress, ReachesAProducerThatWaitsForDurability) {
  auto ring = SpscRing::create(SpscRing::kBytesMin).take();
  std::thread consumer([&] {
    while (ring->durable_asked() != 3) std::this_thread::yield();
    ring->set_progress({3, 3, 2});
    ring->set_progress({3, 3, 3});
  });
  ring->ask_durable(3);
  EXPECT_TRUE(ring->wait_durable(3, kLong));
  consumer.join();
  EXPECT_FALSE(ring->wait_durable(4, 1'000'000));
  ring->stop(RingState::kFailed);
  EXPECT_FALSE(ring->wait_durable(4, kLong)) << "it will not come any more";
}

}  // namespace
}  // namespace tickforge
