// The only file with io_uring calls.
//
// A write is carried out by a kernel worker where the file system cannot do it without blocking (ext4), so the writer thread
// checks and seals the next blocks meanwhile.
#include <liburing.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "journal/posix_storage.h"

namespace tickforge {
namespace {

constexpr unsigned kQueueDepth = 8;  // one write and one sync are under way at most
constexpr std::uint64_t kNoTag = 0;
constexpr std::uint64_t kWriteTag = 1;
constexpr std::uint64_t kSyncTag = 2;

/// Completions are handled by the thread that submits (no interrupts of it); kernels before 6.1 know no such flags.
int init_queue(io_uring& queue) {
  io_uring_params wanted{};
  wanted.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
  const int result = io_uring_queue_init_params(kQueueDepth, &queue, &wanted);
  return result == -EINVAL ? io_uring_queue_init(kQueueDepth, &queue, 0) : result;
}

class IoRing final : public PosixStorage {
 public:
  IoRing(const io_uring& queue, WritePath path) : PosixStorage(path), queue_(queue) {}
  IoRing(const IoRing&) = delete;
  IoRing& operator=(const IoRing&) = delete;
  ~IoRing() override { io_uring_queue_exit(&queue_); }

  int submit_write(int file, const void* bytes, std::size_t length, std::uint64_t offset) override {
    unsynced_bytes_ += length;
    if (length <= kSmallBytes) return PosixStorage::submit_write(file, bytes, length, offset);
    const int routed = route(file, bytes, length, offset);
    direct_write_ = routed != file;
    io_uring_sqe* entry = io_uring_get_sqe(&queue_);
    if (entry == nullptr) return PosixStorage::submit_write(file, bytes, length, offset);
    io_uring_prep_write(entry, routed, bytes, static_cast<unsigned>(length), offset);
    io_uring_sqe_set_data64(entry, kWriteTag);
    return submit(*entry) ? 0 : PosixStorage::submit_write(file, bytes, length, offset);
  }

  int submit_sync(int file) override {
    if (std::exchange(unsynced_bytes_, 0) <= kSmallBytes) return PosixStorage::submit_sync(file);
    io_uring_sqe* entry = io_uring_get_sqe(&queue_);
    if (entry == nullptr) return PosixStorage::submit_sync(file);
    io_uring_prep_fsync(entry, file, IORING_FSYNC_DATASYNC);
    io_uring_sqe_set_data64(entry, kSyncTag);
    return submit(*entry) ? 0 : PosixStorage::submit_sync(file);
  }

  Completions poll(std::int64_t wait_ns) override {
    Completions ended = PosixStorage::poll(0);
    if (ended.write_done || ended.sync_done) wait_ns = 0;
    io_uring_cqe* completion = nullptr;
    int result = io_uring_peek_cqe(&queue_, &completion);
    if (result == -EAGAIN && wait_ns > 0) {
      __kernel_timespec timeout{wait_ns / 1'000'000'000, wait_ns % 1'000'000'000};
      result = io_uring_wait_cqe_timeout(&queue_, &completion, &timeout);
    }
    while (result == 0 && completion != nullptr) {
      take(*completion, ended);
      io_uring_cqe_seen(&queue_, completion);
      result = io_uring_peek_cqe(&queue_, &completion);
    }
    return ended;
  }

 private:
  /// False: the kernel did not take the entry, for want of memory or whatever else, and will not: the caller does by itself
  /// what it says. It stays queued as one that does nothing, since its memory may belong to somebody else by then.
  bool submit(io_uring_sqe& entry) {
    (void)io_uring_submit(&queue_);
    if (io_uring_sq_ready(&queue_) == 0) return true;
    io_uring_prep_nop(&entry);
    io_uring_sqe_set_data64(&entry, kNoTag);
    return false;
  }

  void take(const io_uring_cqe& completion, Completions& ended) {
    if (completion.user_data == kWriteTag) {
      ended.write_done = true;
      ended.write_result = check_route(direct_write_, completion.res);
    } else if (completion.user_data == kSyncTag) {
      ended.sync_done = true;
      ended.sync_result = completion.res;
    }
  }

  io_uring queue_;
  bool direct_write_ = false;  // the one under way
  /// Handed over since the last sync began.
  std::size_t unsynced_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Storage> make_storage(WritePath path) {
  io_uring queue{};
  if (init_queue(queue) < 0) return std::make_unique<PosixStorage>(path);
  return std::make_unique<IoRing>(queue, path);
}

std::string storage_kind() {
  io_uring queue{};
  const int result = init_queue(queue);
  if (result < 0) return std::string("pwritev (io_uring: ") + std::strerror(-result) + ")";
  io_uring_queue_exit(&queue);
  return "io_uring";
}

}  // namespace tickforge
