#include "tail/journal_tail.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "testing/live_writer.h"
#include "testing/tail_reader.h"

namespace tickforge::testing {
namespace {

using Texts = std::vector<std::string>;

class JournalTailTest : public ::testing::Test {
 protected:
  JournalTailTest() : data_(directory_.file("data")) { std::filesystem::create_directory(data_); }

  /// Publishes the trades with these numbers.
  static void push(LiveWriter& writer, std::uint64_t first, std::uint64_t last, std::uint32_t producer = 0,
                   std::int64_t ts = kNoon) {
    for (std::uint64_t i = first; i <= last; ++i) publish(writer.ring(producer), make_numbered(producer, i, ts));
  }

  TempDir directory_;
  const std::string data_;
};

TEST_F(JournalTailTest, ReadsARecordBeforeItIsInTheLog) {
  LiveWriter writer(data_);
  writer.begin_segment(kNoon);
  writer.end_block(0);
  TailReader reader(data_);
  reader.read_all();
  EXPECT_TRUE(reader.tail().is_live());
  push(writer, 1, 3);
  ASSERT_TRUE(reader.read());
  EXPECT_EQ(reader.trades[0], numbers(1, 3));
  EXPECT_EQ(reader.from_rings, 3u);
  EXPECT_EQ(reader.others, Texts{"segment"});
}

TEST_F(JournalTailTest, JoinsTheRingsWhereTheLogEnds) {
  LiveWriter writer(data_);
  const std::uint32_t second = writer.add_producer();
  writer.begin_segment(kNoon);
  push(writer, 1, 50);
  push(writer, 1, 20, second);
  writer.drain();
  push(writer, 51, 60);
  push(writer, 21, 25, second);
  ASSERT_TRUE(writer.take(0, 4));  // written, and still in the ring
  TailReader reader(data_);
  reader.read_all();
  EXPECT_EQ(reader.trades[0], numbers(1, 60));
  EXPECT_EQ(reader.trades[second], numbers(1, 25));
  EXPECT_EQ(reader.from_rings, 6u + 5u);
  writer.drain();
  reader.read_all();
  EXPECT_EQ(reader.trades[0], numbers(1, 60));
}

TEST_F(JournalTailTest, TakesFromTheFileWhatARingNoLongerHolds) {
  LiveWriter writer(data_);
  writer.begin_segment(kNoon);
  push(writer, 1, 10);
  writer.drain();
  TailReader reader(data_);
  reader.read_all();
  ASSERT_TRUE(reader.tail().is_live());
  std::uint64_t last = 10;
  for (int lap = 0; lap < 3; ++lap) {
    const std::uint64_t count = writer.ring().capacity() / 2 + 7;
    push(writer, last + 1, last + count);
    last += count;
    writer.drain();
  }
  push(writer, last + 1, last + 5);
  const std::size_t before = reader.from_file;
  reader.read_all();
  EXPECT_EQ(reader.trades[0], numbers(1, last + 5));
  EXPECT_GT(reader.from_file, before + writer.ring().capacity());
  push(writer, last + 6, last + 6);
  const std::size_t in_file = reader.from_file;
  reader.read_all();
  EXPECT_EQ(reader.trades[0], numbers(1, last + 6));
  EXPECT_EQ(reader.from_file, in_file) << "it is back at the ring";
}

TEST_F(JournalTailTest, BeginsNowWithTheDefinitionsInForce) {
  LiveWriter writer(data_);
  writer.begin_segment(kNoon);
  writer.own_instrument(3, kNoon, "A");
  writer.end_block(0);
  push(writer, 1, 5);
  writer.drain();
  Bytes definition(2 * kCellBytes);
  {
    SegmentBuilder made;
    made.instrument(5, kNoon, "test", "C").end_block();
    std::memcpy(definition.data(), made.file().data() + sizeof(BlockHeader), definition.size());
  }
  publish(writer.ring(), definition);  // in the ring alone
  push(writer, 6, 8);
  TailReader reader(data_, TailStart::kNow);
  push(writer, 9, 10);
  reader.read_all();
  EXPECT_EQ(reader.in_force, (std::vector<std::uint32_t>{3, 5}));
  EXPECT_EQ(reader.trades[0], numbers(9, 10));
  EXPECT_TRUE(reader.others.empty());
}

TEST_F(JournalTailTest, TakesAMarkForTheWritersOwn) {
  LiveWriter writer(data_);
  writer.begin_segment(kNoon);
  writer.end_block(0);
  push(writer, 1, 5);
  TailReader reader(data_);
  reader.read_all();
  ASSERT_TRUE(writer.take(0, 3));
  Mark mark = make_record<Mark>(RecordType::kMark, kNoon);
  mark.head.flags = kFlagCopy;
  writer.own(mark);
  ASSERT_TRUE(writer.take(0));
  writer.release();
  push(writer, 6, 9);
  reader.read_all();
  EXPECT_EQ(reader.trades[0], numbers(1, 9));
  TailReader late(data_);
  late.read_all();
  EXPECT_EQ(late.trades[0], numbers(1, 9));
}

TEST_F(JournalTailTest, GoesOnOverMidnight) {
  LiveWriter writer(data_);
  writer.begin_segment(kNoon);
  push(writer, 1, 10);
  writer.drain();
  TailReader reader(data_);
  reader.read_all();
  push(writer, 11, 20);
  push(writer, 21, 30, 0, kNoon + kNsPerDay);
  reader.read_all();
  EXPECT_EQ(reader.trades[0], numbers(1, 30)) << "before anything of the new day is in the log";
  writer.take(0, 10);
  writer.end_block(0, kBlockLast);
  writer.begin_segment(kNoon + kNsPerDay);
  writer.drain();
  push(writer, 31, 40, 0, kNoon + kNsPerDay);
  reader.read_all();
  EXPECT_EQ(reader.trades[0], numbers(1, 40));
  EXPECT_EQ(reader.others, (Texts{"segment", "segment"}));
  EXPECT_EQ(reader.new_segments, 1u) << "instrument numbers go on";
}

TEST_F(JournalTailTest, ReadsAPartThatRepeatsTheEndOfTheOneBeforeOnce) {
  for (const bool live : {true, false}) {
    const std::string data = directory_.file(live ? "live" : "log");
    std::filesystem::create_directory(data);
    LiveWriter writer(data, live);
    const std::uint32_t second = writer.add_producer();
    writer.begin_segment(kNoon);
    push(writer, 1, 10);
    push(writer, 1, 10, second);
    writer.take(0);
    writer.take(second);
    push(writer, 11, 20);
    push(writer, 11, 20, second);
    writer.take(second);
    writer.take(0);
    TailReader reader(data);
    reader.read_all();
    // The blocks of 11 to 20 cannot be made durable.
    writer.take_again(0, 10);
    writer.take_again(second, 10);
    writer.begin_segment(kNoon, 1);
    writer.own(make_own_gap(GapCause::kWriteError, kNoon, 1 + 20));
    push(writer, 21, 30);
    writer.drain();
    push(writer, 31, 35);
    reader.read_all();
    writer.drain();
    reader.read_all();
    for (TailReader* each : {&reader}) {
      EXPECT_EQ(each->trades[0], numbers(1, 35)) << live;
      EXPECT_EQ(each->trades[second], numbers(1, 20)) << live;
    }
    EXPECT_EQ(reader.others, (Texts{"segment", "segment", "gap 11"}));
    TailReader late(data);
    late.read_all();
    EXPECT_EQ(late.trades[0], numbers(1, 35)) << live;
    EXPECT_EQ(late.trades[second], numbers(1, 20)) << live;
  }
}

TEST_F(JournalTailTest, FollowsARecorderThatIsStoppedAndStarted) {
  auto first = std::make_unique<LiveWriter>(data_);
  first->begin_segment(kNoon);
  push(*first, 1, 10);
  first->drain();
  TailReader reader(data_);
  reader.read_all();
  push(*first, 11, 15);
  first->take(0);
  first->end_block(0, kBlockLast);
  const auto stopped = std::move(first);
  stopped->rings().stop(RingState::kClosed);
  reader.read_all();
  {
    LiveWriter next(data_);
    TailReader waiting(data_, reader.position());
    next.resume(*stopped, GapCause::kStop, kNoon);
    for (std::uint64_t i = 16; i <= 20; ++i) publish(next.ring(), make_numbered(0, i));
    ASSERT_TRUE(reader.read_until(0, 20));
    next.drain();
    reader.read_all();
    waiting.read_all();
    EXPECT_EQ(waiting.trades[0], numbers(16, 20));
  }
  EXPECT_EQ(reader.trades[0], numbers(1, 20));
  EXPECT_EQ(reader.others, (Texts{"segment", "gap 10"}));
}

TEST_F(JournalTailTest, ForgetsWhatAKilledRecorderNeverWrote) {
  auto first = std::make_unique<LiveWriter>(data_);
  first->begin_segment(kNoon);
  push(*first, 1, 10);
  first->drain();
  TailReader reader(data_);
  reader.read_all();
  push(*first, 11, 15);
  reader.read_all();
  ASSERT_EQ(reader.trades[0], numbers(1, 15));
  const std::string position = reader.position();
  EXPECT_NE(position.find("+0:5"), std::string::npos) << position;
  first->kill();
  const SegmentBuilder log = first->builder();
  LiveWriter* before = first.get();
  before->rings().stop(RingState::kFailed);
  LiveWriter next(data_);
  next.resume(*before, GapCause::kUncleanStop, kNoon);
  push(next, 101, 110);
  ASSERT_TRUE(reader.read_until(0, 25));
  auto expected = numbers(1, 15);
  for (std::uint64_t i = 101; i <= 110; ++i) expected.push_back(i);
  EXPECT_EQ(reader.trades[0], expected) << "15 were read before it was killed; all of its successor are read";
  TailReader resumed(data_, position);
  next.drain();
  resumed.read_all();
  EXPECT_EQ(resumed.trades[0], numbers(101, 110)) << "a position of before does not reach into the next life";
  EXPECT_EQ(resumed.others, Texts{"gap 6"});
}

TEST_F(JournalTailTest, GoesOnAtAPositionWithoutAGapOrAnOverlap) {
  LiveWriter writer(data_);
  const std::uint32_t second = writer.add_producer();
  TailReader reader(data_);
  std::uint64_t last = 0;
  for (int step = 0; step < 60; ++step) {
    if (step == 5) writer.begin_segment(kNoon);
    push(writer, last + 1, last + 7);
    push(writer, last + 1, last + 7, second);
    last += 7;
    if (step % 3 != 1) {
      if (step >= 5) writer.take(step % 2 == 0 ? 0 : second, 5);
      if (step >= 5 && step % 7 == 0) writer.drain();
    }
    if (step == 30) {
      writer.drain();
      writer.end_block(0, kBlockLast);
      writer.begin_segment(kNoon + kNsPerDay);
      writer.end_block(0);
    }
    reader.read_all();
    reader.reopen(data_);
  }
  writer.drain();
  reader.read_all();
  EXPECT_EQ(reader.trades[0], numbers(1, last));
  EXPECT_EQ(reader.trades[second], numbers(1, last));
}

TEST_F(JournalTailTest, FollowsAJournalWithoutSharedMemory) {
  LiveWriter writer(data_, false);
  writer.begin_segment(kNoon);
  push(writer, 1, 10);
  writer.drain();
  TailReader reader(data_, TailStart::kNow);
  push(writer, 11, 20);
  EXPECT_FALSE(reader.read()) << "not in the log yet";
  writer.drain();
  ASSERT_TRUE(reader.read_until(0, 10));
  EXPECT_EQ(reader.trades[0], numbers(11, 20));
  EXPECT_EQ(reader.from_rings, 0u);
}

TEST_F(JournalTailTest, WaitsForTheFirstSegmentOfAnEmptyDirectory) {
  TailReader reader(data_);
  EXPECT_FALSE(reader.read());
  EXPECT_FALSE(reader.error);
  EXPECT_EQ(reader.position(), "start:0");
  LiveWriter writer(data_, false);
  writer.begin_segment(kNoon);
  push(writer, 1, 3);
  writer.drain();
  ASSERT_TRUE(reader.read_until(0, 3));
  EXPECT_EQ(reader.others, Texts{"segment"});
}

TEST_F(JournalTailTest, PutsAGapWhereABlockIsDamaged) {
  LiveWriter writer(data_, false);
  writer.begin_segment(kNoon);
  for (int block = 0; block < 4; ++block) {
    push(writer, 10u * block + 1, 10u * block + 10, 0, kNoon + block);
    writer.drain();
  }
  Bytes bytes = read_file(writer.path());
  bytes[writer.builder().offset(1) + sizeof(BlockHeader) + 100] ^= 1;
  write_file(writer.path(), bytes);
  TailReader reader(data_);
  reader.read_all();
  ASSERT_EQ(reader.gaps.size(), 1u);
  EXPECT_EQ(reader.gaps[0].cause, static_cast<std::uint8_t>(GapCause::kCorruptBlock));
  EXPECT_EQ(reader.gaps[0].expected_id, 11u);
  EXPECT_EQ(reader.gaps[0].received_id, 21u);
  EXPECT_EQ(reader.gaps[0].ts_last_good, kNoon);
  EXPECT_EQ(reader.gaps[0].head.ts_recv, kNoon + 2);
  auto expected = numbers(1, 10);
  for (std::uint64_t i = 21; i <= 40; ++i) expected.push_back(i);
  EXPECT_EQ(reader.trades[0], expected);
}

TEST_F(JournalTailTest, ReadsBothPartsWholeWhenTheBeginningOfTheSecondIsDamaged) {
  LiveWriter writer(data_, false);
  writer.begin_segment(kNoon);
  push(writer, 1, 10);
  writer.take(0);
  push(writer, 11, 20);
  writer.take(0);
  writer.take_again(0, 10);
  writer.begin_segment(kNoon, 1);
  writer.own(make_own_gap(GapCause::kWriteError, kNoon, 1 + 10));
  writer.end_block(0);
  writer.drain();
  Bytes bytes = read_file(writer.path());
  bytes[sizeof(BlockHeader) + 3] ^= 1;
  write_file(writer.path(), bytes);
  TailReader reader(data_);
  reader.read_all();
  auto expected = numbers(1, 20);
  for (std::uint64_t i = 11; i <= 20; ++i) expected.push_back(i);
  EXPECT_EQ(reader.trades[0], expected);
  EXPECT_EQ(reader.others, (Texts{"segment", "gap 9"}));
}

TEST_F(JournalTailTest, SaysThatTheFileEndsBeforeWhatItsRecorderWrote) {
  LiveWriter writer(data_, false);
  writer.begin_segment(kNoon);
  push(writer, 1, 10);
  writer.drain();
  push(writer, 11, 20);
  writer.drain();
  TailReader reader(data_);
  std::filesystem::resize_file(writer.path(), kBlockAlign + 100);
  while (reader.read()) {
  }
  ASSERT_TRUE(reader.error);
  EXPECT_EQ(reader.error->code, "TF_CORRUPT");
  EXPECT_EQ(reader.trades[0], numbers(1, 10));
}

TEST_F(JournalTailTest, ReadsOnInASegmentThatIsDeleted) {
  LiveWriter writer(data_);
  writer.begin_segment(kNoon);
  push(writer, 1, 10);
  writer.drain();
  TailReader reader(data_);
  ASSERT_TRUE(reader.read());
  std::filesystem::remove(writer.path());
  push(writer, 11, 20);
  writer.drain();
  reader.read_all();
  EXPECT_EQ(reader.trades[0], numbers(1, 20));
  EXPECT_FALSE(reader.error);
}

TEST_F(JournalTailTest, RefusesAPositionThatIsNotThere) {
  LiveWriter writer(data_, false);
  writer.begin_segment(kNoon);
  push(writer, 1, 10);
  writer.drain();
  TailReader gone(data_, "2020-01-01.test.000.tfs:4");
  ASSERT_TRUE(gone.error);
  EXPECT_EQ(gone.error->code, "TF_NO_FILE");
  TailReader behind(data_, "2024-08-08.test.000.tfs:12");
  ASSERT_TRUE(behind.error);
  EXPECT_EQ(behind.error->code, "TF_EMPTY_RANGE");
  TailReader middle(data_, "2024-08-08.test.000:7");
  middle.read_all();
  EXPECT_EQ(middle.trades[0], numbers(7, 10));
}

TEST_F(JournalTailTest, TakesUpProducersThatComeAndGo) {
  LiveWriter writer(data_);
  writer.begin_segment(kNoon);
  push(writer, 1, 1);
  writer.drain();
  TailReader reader(data_);
  reader.read_all();
  for (std::uint64_t round = 0; round < 5; ++round) {
    const Inlet inlet = writer.rings().add(SpscRing::kBytesMin).take();
    for (std::uint64_t i = 1; i <= 10; ++i) publish(*inlet.ring, make_numbered(inlet.producer, 10 * round + i));
    if (round % 2 == 0) {
      ASSERT_TRUE(reader.read_until(inlet.producer, 10 * round + 10));
    }
    writer.rings().end(inlet);
    writer.begin_producer(inlet.producer);
    writer.drain();
    writer.rings().retire(inlet.producer);
    push(writer, round + 2, round + 2);
    writer.drain();
    reader.read_all();
    ASSERT_EQ(reader.trades[inlet.producer], numbers(1, 10 * round + 10));
  }
}

TEST_F(JournalTailTest, WakesASleepingReader) {
  LiveWriter writer(data_);
  writer.begin_segment(kNoon);
  writer.end_block(0);
  TailReader reader(data_);
  reader.read_all();
  ASSERT_TRUE(reader.tail().is_live());
  std::thread producer([&] {
    for (std::uint64_t i = 1; i <= 200; ++i) {
      publish(writer.ring(), make_numbered(0, i));
      if (i % 20 == 0) ::usleep(300);
    }
  });
  EXPECT_TRUE(reader.read_until(0, 200));
  producer.join();
  EXPECT_EQ(reader.trades[0], numbers(1, 200));
}

TEST(TailPosition, IsReadAsItIsWritten) {
  TailPosition position;
  position.segment = {day_of(kNoon), "main", 3};
  position.record = 77;
  position.ahead[0] = 5;
  position.ahead[9] = 1'000'000'000'000;
  position.of_life = 17;
  const std::string text = to_text(position);
  EXPECT_EQ(text, "2024-08-08.main.003.tfs:77~17+0:5+9:1000000000000");
  const auto read = parse_tail_position(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(to_text(*read), text);
  EXPECT_EQ(to_text(*parse_tail_position("start:0+0:3")), "start:0+0:3");
  for (const char* wrong : {"", "now", "2024-08-08.main.003", "2024-08-08.main.003:", "2024-08-08.main.003:-1", "x:1",
                            "2024-08-08.main.003:1+", "2024-08-08.main.003:1+0", "2024-08-08.main.003:1+300:1",
                            "2024-08-08.main.003:1 ", "2024-08-08.main.003:99999999999999999999"}) {
    EXPECT_FALSE(parse_tail_position(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace tickforge::testing
