// Storage on real files that misbehaves when it is told to.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "journal/posix_storage.h"

namespace tickforge::testing {

/// What goes wrong; shared with the test, which may change it at any time.
struct Faults {
  /// A write takes at most this many bytes.
  std::atomic<std::size_t> write_limit{std::numeric_limits<std::size_t>::max()};
  /// Every second write or so is interrupted before it begins.
  std::atomic<bool> interrupts{false};
  /// Bytes that fit the disk; a write beyond fails with write_error.
  std::atomic<std::uint64_t> space{std::numeric_limits<std::uint64_t>::max()};
  std::atomic<int> write_error{ENOSPC};
  /// Syncs that succeed before `bad_syncs` fail with EIO; those after them claim success.
  std::atomic<std::int64_t> good_syncs{std::numeric_limits<std::int64_t>::max()};
  std::atomic<std::int64_t> bad_syncs{1};
  /// A write that is done is told of only when this is taken back.
  std::atomic<bool> holds_writes{false};
  /// A sync that has begun ends only when this is taken back.
  std::atomic<bool> holds_syncs{false};
  /// This many writes fail with write_error, from now on.
  std::atomic<std::int64_t> bad_writes{0};
  std::atomic<int> reserve_error{0};
  std::atomic<bool> index_fails{false};
  std::atomic<std::uint64_t> writes{0};
  /// Time that the writer let go by; it does not pass.
  std::atomic<std::int64_t> paused_ns{0};
  std::atomic<std::uint64_t> syncs{0};
  /// Of an index, at the end of its segment.
  std::atomic<std::uint64_t> index_syncs{0};
  /// Length of the index file when it was synced last before that.
  std::atomic<std::uint64_t> synced_index_bytes{0};
};

class FaultyStorage : public PosixStorage {
 public:
  explicit FaultyStorage(std::shared_ptr<Faults> faults) : faults_(std::move(faults)) {}

  int submit_write(int file, const void* bytes, std::size_t length, std::uint64_t offset) override {
    const std::uint64_t number = faults_->writes++;
    if (faults_->interrupts && number % 2 == 0) return end_write(number % 4 == 0 ? -EINTR : -EAGAIN);
    const std::uint64_t space = faults_->space;
    std::size_t allowed = std::min<std::uint64_t>(faults_->write_limit, space - std::min(space, written_));
    if (faults_->bad_writes > 0) {
      faults_->bad_writes -= 1;
      allowed = 0;
    }
    if (allowed == 0) return end_write(-faults_->write_error);
    PosixStorage::submit_write(file, bytes, std::min(length, allowed), offset);
    const Completions ended = PosixStorage::poll(0);
    if (ended.write_result > 0) written_ += static_cast<std::uint64_t>(ended.write_result);
    return end_write(ended.write_result);
  }

  int submit_sync(int file) override {
    faults_->syncs += 1;
    char path[256] = {};
    const std::string link = "/proc/self/fd/" + std::to_string(file);
    const ssize_t length = ::readlink(link.c_str(), path, sizeof path - 1);
    if (length > 4 && std::string_view(path).ends_with(".tfi")) {
      faults_->synced_index_bytes = static_cast<std::uint64_t>(size(file));
    }
    sync_under_way_ = true;
    return 0;
  }

  Completions poll(std::int64_t) override {
    if (sync_under_way_ && !faults_->holds_syncs) {
      sync_under_way_ = false;
      const std::int64_t left = faults_->good_syncs--;
      ended_.sync_done = true;
      ended_.sync_result = left <= 0 && left > -faults_->bad_syncs ? -EIO : 0;
    }
    Completions ended = std::exchange(ended_, Completions{});
    if (faults_->holds_writes) {
      ended_.write_done = std::exchange(ended.write_done, false);
      ended_.write_result = ended.write_result;
    }
    return ended;
  }

  void pause(std::int64_t ns) override { faults_->paused_ns += ns; }

  int write_now(int file, const void* bytes, std::size_t length, std::uint64_t offset) override {
    if (faults_->index_fails) return -ENOSPC;
    // Short here as well.
    return PosixStorage::write_now(file, bytes, std::min(length, faults_->write_limit.load()), offset);
  }

  int sync_now(int file) override {
    faults_->index_syncs += 1;
    return PosixStorage::sync_now(file);
  }

  int reserve(int file, std::uint64_t offset, std::uint64_t length) override {
    return faults_->reserve_error != 0 ? -faults_->reserve_error : PosixStorage::reserve(file, offset, length);
  }

 private:
  int end_write(int result) {
    ended_.write_done = true;
    ended_.write_result = result;
    return 0;
  }

  std::shared_ptr<Faults> faults_;
  Completions ended_;
  bool sync_under_way_ = false;
  std::uint64_t written_ = 0;
};

}  // namespace tickforge::testing
