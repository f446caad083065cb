// What the writer needs from a disk. One implementation asks the kernel, others in tests misbehave on purpose.
//
// Numbers that calls return are 0 or a byte count on success and -errno otherwise; the caller knows the file's name and
// makes the Error. One write and one sync may be under way at a time; both may be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tickforge {

/// What ended since the last poll().
struct Completions {
  bool write_done = false;
  bool sync_done = false;
  int write_result = 0;  // bytes, fewer than asked for when the write was cut short
  int sync_result = 0;
};

/// Where large writes go.
enum class WritePath {
  kPageCache,  // readers find them in memory, and a sync brings them to the disk
  kDirect,     // past the page cache (O_DIRECT), where the file system can: a sync has less to do, and pages stay readers'
};

class Storage {
 public:
  virtual ~Storage() = default;

  /// Makes a new file for reading and writing and returns its number; -EEXIST when there is one.
  virtual int create(const std::string& path) = 0;
  virtual int open(const std::string& path) = 0;
  virtual int close(int file) = 0;
  /// Bytes of the file, or -errno.
  virtual std::int64_t size(int file) = 0;
  /// Reads at most `length` bytes, and maybe fewer; 0 at the end of the file.
  virtual std::int64_t read_now(int file, void* bytes, std::size_t length, std::uint64_t offset) = 0;
  /// The first byte at or behind `offset` that is in no hole of the file; -ENXIO when there is none.
  virtual std::int64_t next_data(int file, std::uint64_t offset) = 0;
  virtual int remove(const std::string& path) = 0;
  /// Takes the place of a file that is called `to`, if there is one.
  virtual int rename(const std::string& from, const std::string& to) = 0;
  /// Names in a directory, in no order.
  virtual int list(const std::string& directory, std::vector<std::string>& names) = 0;
  /// Makes the directory's entries durable.
  virtual int sync_directory(const std::string& directory) = 0;

  /// Starts a write at `offset`. The bytes stay untouched until it is done.
  virtual int submit_write(int file, const void* bytes, std::size_t length, std::uint64_t offset) = 0;
  /// Starts fdatasync: what was written before it, not what is being written, is durable when it succeeds.
  virtual int submit_sync(int file) = 0;
  /// Asks for the bytes to be brought to the disk soon, without waiting and without a promise: a later sync finds less to do.
  virtual void start_writeback(int /*file*/, std::uint64_t /*offset*/, std::uint64_t /*length*/) {}
  /// Takes what has ended; waits for something to end for at most `wait_ns`.
  virtual Completions poll(std::int64_t wait_ns) = 0;
  /// Does nothing for so long.
  virtual void pause(std::int64_t ns) = 0;

  /// A number that no other segment has; never 0.
  virtual std::uint64_t random_id() = 0;

  /// Small write that is done on return; the count of bytes may be short.
  virtual int write_now(int file, const void* bytes, std::size_t length, std::uint64_t offset) = 0;
  /// fdatasync that is done on return.
  virtual int sync_now(int file) = 0;
  /// Sets blocks aside behind the end of the file without changing its size.
  virtual int reserve(int file, std::uint64_t offset, std::uint64_t length) = 0;
  /// Writes zeros, done on return, and asks for them to be brought to the disk soon; the count of bytes may be short.
  virtual int write_zeros(int file, std::uint64_t offset, std::uint64_t length) = 0;
  /// Cuts the file at `length` and gives back what was set aside.
  virtual int truncate(int file, std::uint64_t length) = 0;
};

/// The kernel's files: through io_uring where it is allowed, with pwritev and fdatasync otherwise. The thread that
/// calls this is the one that uses it.
std::unique_ptr<Storage> make_storage(WritePath path);

/// "io_uring", or "pwritev (io_uring: <reason>)".
std::string storage_kind();

}  // namespace tickforge
