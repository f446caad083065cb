// Storage on plain system calls: a write or a sync is over when its submit returns.
#pragma once

#include "journal/storage.h"

namespace tickforge {

class PosixStorage : public Storage {
 public:
  int create(const std::string& path) override;
  int open(const std::string& path) override;
  int close(int file) override;
  std::int64_t size(int file) override;
  int list(const std::string& directory, std::vector<std::string>& names) override;
  int sync_directory(const std::string& directory) override;
  int submit_write(int file, const iovec* parts, std::size_t count, std::uint64_t offset) override;
  int submit_sync(int file) override;
  void start_writeback(int file, std::uint64_t offset, std::uint64_t length) override;
  Completions poll(std::int64_t wait_ns) override;
  std::uint64_t random_id() override;
  int write_now(int file, const void* bytes, std::size_t length, std::uint64_t offset) override;
  int sync_now(int file) override;
  int reserve(int file, std::uint64_t offset, std::uint64_t length) override;
  int write_zeros(int file, std::uint64_t offset, std::uint64_t length) override;
  int truncate(int file, std::uint64_t length) override;

 private:
  Completions ended_;
};

}  // namespace tickforge
