// Storage on plain system calls: a write or a sync is over when its submit returns.
#pragma once

#include <map>

#include "base/unique_fd.h"
#include "journal/storage.h"

namespace tickforge {

class PosixStorage : public Storage {
 public:
  explicit PosixStorage(WritePath path = WritePath::kPageCache) : path_(path) {}

  int create(const std::string& path) override;
  int open(const std::string& path) override;
  int close(int file) override;
  std::int64_t size(int file) override;
  std::int64_t read_now(int file, void* bytes, std::size_t length, std::uint64_t offset) override;
  std::int64_t next_data(int file, std::uint64_t offset) override;
  int remove(const std::string& path) override;
  int rename(const std::string& from, const std::string& to) override;
  int list(const std::string& directory, std::vector<std::string>& names) override;
  int sync_directory(const std::string& directory) override;
  int submit_write(int file, const void* bytes, std::size_t length, std::uint64_t offset) override;
  int submit_sync(int file) override;
  void start_writeback(int file, std::uint64_t offset, std::uint64_t length) override;
  Completions poll(std::int64_t wait_ns) override;
  void pause(std::int64_t ns) override;
  std::uint64_t random_id() override;
  int write_now(int file, const void* bytes, std::size_t length, std::uint64_t offset) override;
  int sync_now(int file) override;
  int reserve(int file, std::uint64_t offset, std::uint64_t length) override;
  int write_zeros(int file, std::uint64_t offset, std::uint64_t length) override;
  int truncate(int file, std::uint64_t length) override;

 protected:
  /// So little is best written and synced by this thread itself, and through the page cache: handing it to a worker of the
  /// kernel and being woken again costs as much as the disk's own answer. The producers' rings take what comes meanwhile.
  static constexpr std::size_t kSmallBytes = std::size_t{64} << 10;

  /// The number to write through: that of the file itself, or that of the same file opened past the page cache.
  int route(int file, const void* bytes, std::size_t length, std::uint64_t offset);
  /// A write through route() ended with `result`: the same, or -EAGAIN where the way past the page cache is closed from
  /// now on. The file system took O_DIRECT when the file was opened and does not take the write.
  int check_route(bool direct, int result);

 private:
  WritePath path_;
  /// By number of the file. Empty where it cannot be opened so.
  std::map<int, UniqueFd> direct_;
  Completions ended_;
};

/// For whoever only reads, on any thread: what it does keeps no state. File numbers are those of the kernel.
Storage& kernel_files();

}  // namespace tickforge
