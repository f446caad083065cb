#include "journal/control_page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>

#include "base/own_file.h"
#include "base/unique_fd.h"

namespace tickforge {
namespace {

constexpr int kReadAttempts = 1000;

// A sequence lock without fences. Each field is stored with release order, so it cannot become visible before the odd
// version_lock; it is loaded with acquire order, so the second look at version_lock cannot move before it. A reader
// that sees a field of a change under way therefore sees the odd or the later version_lock as well.
template <typename T>
void store(T& field, T value) {
  std::atomic_ref<T>(field).store(value, std::memory_order_release);
}

template <typename T>
void load(const T& field, T& copy) {
  copy = std::atomic_ref<T>(const_cast<T&>(field)).load(std::memory_order_acquire);
}

std::uint64_t lock_of(const ControlPage& page, std::memory_order order) {
  return std::atomic_ref<std::uint64_t>(const_cast<ControlPage&>(page).version_lock).load(order);
}

/// Opens a change: the version_lock is odd until finish().
std::uint64_t begin(ControlPage& page) {
  // A writer that died in the middle left an odd one.
  const std::uint64_t odd = lock_of(page, std::memory_order_relaxed) | 1;
  std::atomic_ref<std::uint64_t>(page.version_lock).store(odd, std::memory_order_relaxed);
  return odd;
}

void finish(ControlPage& page, std::uint64_t odd) { store(page.version_lock, odd + 1); }

void store_status(ControlPage& page, const RecorderStatus& status) {
  store(page.state, static_cast<std::uint32_t>(status.state));
  store(page.day, status.day);
  store(page.part, status.part);
  store(page.segment_id, status.segment_id);
  store(page.file_offset, status.file_offset);
  store(page.record_count, status.record_count);
  store(page.last_ts_recv, status.last_ts_recv);
  store(page.appended, status.appended);
  store(page.written, status.written);
  store(page.durable, status.durable);
  store(page.blocks, status.blocks);
  store(page.reserve_bytes, status.reserve_bytes);
}

}  // namespace

std::string control_page_path(const std::string& directory, const std::string& journal) {
  return directory + "/" + journal + ".tfc";
}

Result<ControlPageWriter> ControlPageWriter::open(const std::string& path, std::int64_t ts_started) {
  const UniqueFd file = open_own_file(path.c_str(), O_RDWR | O_CREAT);
  if (!file) return system_error(code_of_making(errno), "opening", path, errno);
  // The page is written through a mapping, where a full disk would be a SIGBUS: its block is set aside now.
  const int number = ::posix_fallocate(file.get(), 0, sizeof(ControlPage));
  if (number != 0) return system_error(code_of_making(number), "setting space aside for", path, number);
  void* mapped = ::mmap(nullptr, sizeof(ControlPage), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (mapped == MAP_FAILED) return system_error("TF_IO", "mapping", path, errno);

  ControlPageWriter writer(MappedRegion(mapped, sizeof(ControlPage)));
  ControlPage& page = writer.page();
  const std::uint64_t odd = begin(page);
  store(page.magic, kControlMagic);
  store(page.version, kFormatVersion);
  store(page.process_id, static_cast<std::uint32_t>(::getpid()));
  store(page.ts_started, ts_started);
  // The counts of an earlier recorder must not be taken for those of this one.
  store_status(page, RecorderStatus{});
  finish(page, odd);
  return writer;
}

void ControlPageWriter::publish(const RecorderStatus& status) {
  const std::uint64_t odd = begin(page());
  store_status(page(), status);
  finish(page(), odd);
}

bool read_control_page(const ControlPage& shared, ControlPage& copy) {
  for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
    const std::uint64_t before = lock_of(shared, std::memory_order_acquire);
    if ((before & 1) != 0) continue;
    copy = ControlPage{};
    load(shared.magic, copy.magic);
    load(shared.version, copy.version);
    load(shared.process_id, copy.process_id);
    load(shared.state, copy.state);
    load(shared.day, copy.day);
    load(shared.part, copy.part);
    load(shared.segment_id, copy.segment_id);
    load(shared.file_offset, copy.file_offset);
    load(shared.record_count, copy.record_count);
    load(shared.last_ts_recv, copy.last_ts_recv);
    load(shared.appended, copy.appended);
    load(shared.written, copy.written);
    load(shared.durable, copy.durable);
    load(shared.ts_started, copy.ts_started);
    load(shared.blocks, copy.blocks);
    load(shared.reserve_bytes, copy.reserve_bytes);
    copy.version_lock = before;
    if (lock_of(shared, std::memory_order_relaxed) == before) return true;
  }
  return false;
}

}  // namespace tickforge
