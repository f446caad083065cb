#include "journal/posix_storage.h"

#include <gtest/gtest.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>

#include "testing/journal_files.h"

namespace tickforge::testing {
namespace {

constexpr std::size_t kLarge = std::size_t{256} << 10;

/// Memory as the writer's batches have it.
class Aligned {
 public:
  explicit Aligned(std::uint8_t seed) : memory_(static_cast<std::uint8_t*>(std::aligned_alloc(4096, kLarge)), &std::free) {
    for (std::size_t i = 0; i < kLarge; ++i) memory_.get()[i] = static_cast<std::uint8_t>(seed + i * 167 / 7);
  }
  const std::uint8_t* data() const { return memory_.get(); }

 private:
  std::unique_ptr<std::uint8_t, void (*)(void*)> memory_;
};

using Make = std::unique_ptr<Storage> (*)();
std::unique_ptr<Storage> kernel_queue() { return make_storage(WritePath::kDirect); }
std::unique_ptr<Storage> plain_calls() { return std::make_unique<PosixStorage>(WritePath::kDirect); }

class DirectWriteTest : public ::testing::TestWithParam<Make> {
 protected:
  /// Bytes written, or -errno; tries again as the writer does.
  int write(int file, const void* bytes, std::size_t length, std::uint64_t offset) {
    int result = -EAGAIN;
    for (int tries = 0; result == -EAGAIN && tries < 3; ++tries) {
      EXPECT_EQ(storage_->submit_write(file, bytes, length, offset), 0);
      Completions ended;
      while (!ended.write_done) ended = storage_->poll(1'000'000'000);
      result = ended.write_result;
    }
    return result;
  }
  void sync(int file) {
    ASSERT_EQ(storage_->submit_sync(file), 0);
    Completions ended;
    while (!ended.sync_done) ended = storage_->poll(1'000'000'000);
    EXPECT_EQ(ended.sync_result, 0);
  }

  TempDir directory_;
  std::string path_ = directory_.file("segment");
  std::unique_ptr<Storage> storage_ = GetParam()();
};

TEST_P(DirectWriteTest, LargeAndSmallWritesAreReadBackInAnyOrder) {
  const int file = storage_->create(path_);
  ASSERT_GE(file, 0);
  const Aligned first(1);
  const Aligned second(77);
  Bytes expected;
  std::uint64_t at = 0;
  const auto append = [&](const std::uint8_t* bytes, std::size_t length) {
    ASSERT_EQ(write(file, bytes, length, at), static_cast<int>(length));
    expected.insert(expected.end(), bytes, bytes + length);
    at += length;
    // A reader that looks at every moment fills the page cache with what is there now.
    ASSERT_EQ(read_file(path_), expected);
  };
  append(first.data(), 4096);
  append(second.data(), kLarge);
  append(first.data() + 4096, 8192);
  // Pages of zeros lie ahead of what comes next, as the writer makes them.
  ASSERT_GT(storage_->write_zeros(file, at, 64 << 10), 0);
  expected.resize(at + (64 << 10));
  ASSERT_EQ(read_file(path_), expected);
  expected.resize(at);
  append(first.data(), kLarge);
  sync(file);
  EXPECT_EQ(read_file(path_), expected);
  EXPECT_EQ(storage_->close(file), 0);
}

TEST_P(DirectWriteTest, TheRestOfAShortWriteMayBeginAnywhere) {
  const int file = storage_->create(path_);
  ASSERT_GE(file, 0);
  const Aligned bytes(5);
  constexpr std::size_t kShort = 4096 + 17;
  ASSERT_EQ(write(file, bytes.data(), kShort, 0), static_cast<int>(kShort));
  ASSERT_EQ(write(file, bytes.data() + kShort, kLarge - kShort, kShort), static_cast<int>(kLarge - kShort));
  EXPECT_EQ(read_file(path_), Bytes(bytes.data(), bytes.data() + kLarge));
  storage_->close(file);
}

TEST_P(DirectWriteTest, ANumberThatIsUsedAgainIsAnotherFile) {
  const Aligned bytes(9);
  const int first = storage_->create(path_);
  ASSERT_EQ(write(first, bytes.data(), kLarge, 0), static_cast<int>(kLarge));
  storage_->close(first);
  const std::string other = directory_.file("other");
  const int second = storage_->create(other);
  ASSERT_EQ(second, first) << "the kernel gives the lowest free number";
  ASSERT_EQ(write(second, bytes.data(), kLarge, kLarge), static_cast<int>(kLarge));
  EXPECT_EQ(read_file(path_).size(), kLarge);
  EXPECT_EQ(read_file(other).size(), 2 * kLarge);
  storage_->close(second);
}

INSTANTIATE_TEST_SUITE_P(Ways, DirectWriteTest, ::testing::Values(&kernel_queue, &plain_calls));

/// A file system that takes O_DIRECT when a file is opened, and no such write.
class RefusingStorage : public PosixStorage {
 public:
  RefusingStorage() : PosixStorage(WritePath::kDirect) {}
  using PosixStorage::check_route;
  using PosixStorage::route;
};

TEST(PosixStorage, GoesThroughThePageCacheOnceADirectWriteIsRefused) {
  TempDir directory;
  RefusingStorage storage;
  const Aligned bytes(3);
  const int file = storage.create(directory.file("segment"));
  EXPECT_EQ(storage.check_route(true, -EIO), -EIO) << "an error of the disk is one";
  EXPECT_EQ(storage.check_route(false, -EINVAL), -EINVAL);
  EXPECT_EQ(storage.check_route(true, -EINVAL), -EAGAIN);
  EXPECT_EQ(storage.route(file, bytes.data(), kLarge, 0), file);
  storage.close(file);
}

TEST(PosixStorage, KeepsToThePageCacheUnlessAskedOtherwise) {
  TempDir directory;
  class Plain : public PosixStorage {
   public:
    using PosixStorage::route;
  } storage;
  const Aligned bytes(3);
  const int file = storage.create(directory.file("segment"));
  EXPECT_EQ(storage.route(file, bytes.data(), kLarge, 0), file);
  storage.close(file);
}

/// From now on the kernel takes nothing of a queue of this process, for want of memory as it says. False: not allowed.
bool refuse_queues() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{std::size(program), program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

TEST(KernelQueueTest, DoesByItselfWhatTheKernelDoesNotTake) {
  constexpr int kNotAllowed = 77;
  constexpr int kRounds = 20;  // more than a queue has entries
  const TempDir directory;
  const std::string path = directory.file("segment");
  const pid_t child = ::fork();
  if (child == 0) {
    const Aligned bytes(3);
    const auto storage = kernel_queue();
    const int file = storage->create(path);
    if (!refuse_queues()) ::_exit(kNotAllowed);
    for (int round = 0; round < kRounds; ++round) {
      if (storage->submit_write(file, bytes.data(), kLarge, round * kLarge) != 0) ::_exit(1);
      const Completions written = storage->poll(0);
      if (!written.write_done || written.write_result != static_cast<int>(kLarge)) ::_exit(2);
      if (storage->submit_sync(file) != 0) ::_exit(3);
      const Completions synced = storage->poll(0);
      if (!synced.sync_done || synced.sync_result != 0) ::_exit(4);
    }
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kNotAllowed) GTEST_SKIP() << "needs the right to filter system calls";
  EXPECT_EQ(WEXITSTATUS(status), 0);
  const Aligned expected(3);
  const Bytes found = read_file(path);
  ASSERT_EQ(found.size(), kRounds * kLarge);
  for (int round = 0; round < kRounds; ++round) {
    EXPECT_EQ(std::memcmp(found.data() + round * kLarge, expected.data(), kLarge), 0);
  }
}

}  // namespace
}  // namespace tickforge::testing
