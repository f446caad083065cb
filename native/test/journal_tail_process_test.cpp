// Live readers and the real recorder, in processes of their own, some of which are killed.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "core/recorder.h"
#include "testing/tail_reader.h"

namespace tickforge::testing {
namespace {

/// Trades of one recorder are numbered from life * kLife + 1 on.
constexpr std::uint64_t kLife = 1'000'000'000;
constexpr std::uint32_t kBurst = 50;

class JournalTailProcess : public ::testing::Test {
 protected:
  JournalTailProcess() : data_(directory_.file("data")) { std::filesystem::create_directory(data_); }
  ~JournalTailProcess() override {
    if (recorder_ > 0) end(SIGKILL);
  }

  /// Records `count` trades in a process of its own, and closes then; for ever if there is no count.
  void start(std::uint64_t life, std::uint64_t count = 0) {
    recorder_ = ::fork();
    if (recorder_ == 0) ::_exit(record(life, count));
  }
  int record(std::uint64_t life, std::uint64_t count) {
    JournalOptions options;
    options.directory = data_;
    options.name = "test";
    options.ring_bytes = SpscRing::kBytesMin;
    options.flush_interval_ns = 2'000'000;
    options.writer = "test of tails";
    auto opened = Recorder::open(options);
    if (!opened) return 1;
    SpscRing& ring = *opened.value()->ring();
    for (std::uint64_t number = 1; count == 0 || number <= count; ++number) {
      if (!ring.wait_for_space(1, kTailWaitNs)) return 2;
      const Trade trade = make_numbered(0, life * kLife + number, realtime_ns());
      std::memcpy(ring.reserve(1), &trade, sizeof trade);
      ring.commit(1);
      if (number % kBurst == 0) ::usleep(20);
    }
    return opened.value()->close() ? 0 : 3;
  }
  int end(int signal = 0) {
    if (signal != 0) ::kill(recorder_, signal);
    int status = 0;
    ::waitpid(recorder_, &status, 0);
    recorder_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  TempDir directory_;
  const std::string data_;
  pid_t recorder_ = -1;
};

/// The trades of one recorder: from 1 on without a gap, and how many.
std::uint64_t of_life(const std::vector<std::uint64_t>& trades, std::uint64_t life) {
  std::uint64_t count = 0;
  for (const std::uint64_t number : trades) {
    if (number / kLife != life) continue;
    EXPECT_EQ(number % kLife, ++count) << "of recorder " << life;
  }
  return count;
}

TEST_F(JournalTailProcess, FollowsARecorderThatIsKilledAndStartedAgain) {
  TailReader reader(data_);
  TailReader spinning(data_, TailStart::kBegin, true);
  constexpr std::uint64_t kLives = 4;
  for (std::uint64_t life = 1; life <= kLives; ++life) {
    start(life, life == kLives ? 5000 : 0);
    ASSERT_TRUE(reader.read_to(0, life * kLife + 5000)) << (reader.error ? reader.error->message : "");
    ASSERT_TRUE(spinning.read_to(0, life * kLife + 5000));
    if (life == kLives) {
      EXPECT_EQ(end(), 0);
    } else {
      EXPECT_EQ(end(SIGKILL), -SIGKILL);
    }
    if (life % 2 == 0) reader.reopen(data_);
  }
  reader.read_all();
  while (spinning.read(300'000'000)) {
  }
  while (reader.read(300'000'000)) {
  }
  TailReader log(data_);
  log.read_all();
  for (TailReader* each : {&reader, &spinning}) {
    EXPECT_FALSE(each->error);
    for (std::uint64_t life = 1; life <= kLives; ++life) {
      const std::uint64_t logged = of_life(log.trades[0], life);
      EXPECT_GE(of_life(each->trades[0], life), logged) << "all that is in the log was delivered, once";
    }
    EXPECT_EQ(of_life(each->trades[0], kLives), 5000u);
  }
  EXPECT_EQ(std::count(log.others.begin(), log.others.end(), "gap 6"), static_cast<std::ptrdiff_t>(kLives - 1));
  EXPECT_EQ(reader.others, log.others);
}

TEST_F(JournalTailProcess, AReaderThatIsKilledInItsSleepDisturbsNobody) {
  start(1, 40'000);
  TailReader reader(data_);
  ASSERT_TRUE(reader.read_until(0, 100));
  for (int i = 0; i < 5; ++i) {
    const pid_t sleeper = ::fork();
    if (sleeper == 0) {
      TailReader other(data_, TailStart::kNow);
      other.read(kTailWaitNs);
      while (other.read(kTailWaitNs)) {
      }
      ::_exit(0);
    }
    ::usleep(3000);
    ::kill(sleeper, SIGKILL);
    ::waitpid(sleeper, nullptr, 0);
  }
  ASSERT_TRUE(reader.read_until(0, 40'000));
  EXPECT_EQ(end(), 0);
  EXPECT_EQ(of_life(reader.trades[0], 1), 40'000u);
}

TEST_F(JournalTailProcess, FollowsTheLogWhereThereIsNoSharedMemory) {
  ASSERT_EQ(::setenv("TICKFORGE_SHM", directory_.file("missing").c_str(), 1), 0);
  start(1, 3000);
  TailReader reader(data_);
  EXPECT_TRUE(reader.read_until(0, 3000));
  ::unsetenv("TICKFORGE_SHM");
  EXPECT_EQ(end(), 0);
  EXPECT_EQ(of_life(reader.trades[0], 1), 3000u);
  EXPECT_EQ(reader.from_rings, 0u);
}

}  // namespace
}  // namespace tickforge::testing
