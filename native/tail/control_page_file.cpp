#include "tail/control_page_file.h"


#include <atomic>
#include <cstddef>

#include "base/own_file.h"
#include "journal/control_page.h"
#include "journal/file_window.h"
#include "ring/producer_table.h"

namespace tickforge {
namespace {

constexpr int kReadAttempts = 100;

}  // namespace

ControlPageFile::ControlPageFile(const std::string& directory, const std::string& journal)
    : path_(control_page_path(directory, journal)) {}

bool ControlPageFile::read(ControlPage& page) const {
  for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
    auto length = read_fully(fd_.get(), path_, &page, sizeof page, 0);
    if (!length || length.value() != sizeof page || page.magic != kControlMagic) return false;
    // The copy is made in the kernel; both looks at the lock must not change places with it.
    std::atomic_thread_fence(std::memory_order_acquire);
    std::uint64_t after = 0;
    constexpr std::size_t kLockOffset = offsetof(ControlPage, version_lock);
    length = read_fully(fd_.get(), path_, &after, sizeof after, kLockOffset);
    if (!length || length.value() != sizeof after) return false;
    if (page.version_lock == after && after % 2 == 0) return true;
  }
  return false;
}

std::optional<ControlPage> ControlPageFile::read_live() {
  if (!fd_) fd_ = open_for_reading(path_);
  if (!fd_) return std::nullopt;
  ControlPage page;
  if (!read(page) || page.version > kFormatVersion) {
    // It may have been made anew.
    fd_.reset();
    return std::nullopt;
  }
  const auto state = static_cast<RecorderState>(page.state);
  const bool ended = state == RecorderState::kFailed || (state == RecorderState::kStopped && page.segment_id != 0);
  if (ended || process_started(page.process_id) == 0) return std::nullopt;
  return page;
}

}  // namespace tickforge
