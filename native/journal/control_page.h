// The live state of a recorder in a small mapped file, read by other processes without locks.
#pragma once

#include <string>

#include "base/error.h"
#include "base/mapped_region.h"
#include "format/segment.h"

namespace tickforge {

/// What the page says; every field as in ControlPage.
struct RecorderStatus {
  RecorderState state = RecorderState::kStopped;
  std::int32_t day = 0;
  std::uint32_t part = 0;
  std::uint64_t segment_id = 0;
  std::uint64_t file_offset = 0;
  std::uint64_t record_count = 0;
  std::int64_t last_ts_recv = kNoneI64;
  std::uint64_t appended = 0;
  std::uint64_t written = 0;
  std::uint64_t durable = 0;
  std::uint64_t blocks = 0;
  std::uint64_t reserve_bytes = 0;
};

/// Path of a journal's control page.
std::string control_page_path(const std::string& directory, const std::string& journal);

class ControlPageWriter {
 public:
  /// Makes the file or takes over an existing one. Errors: TF_DISK_FULL, TF_IO.
  static Result<ControlPageWriter> open(const std::string& path, std::int64_t ts_started);
  void publish(const RecorderStatus& status);

 private:
  explicit ControlPageWriter(MappedRegion region) : region_(std::move(region)) {}
  ControlPage& page() { return *reinterpret_cast<ControlPage*>(region_.data()); }
  MappedRegion region_;
};

/// A consistent copy of a mapped page; false when the writer kept changing it, or died while it did.
bool read_control_page(const ControlPage& shared, ControlPage& copy);

}  // namespace tickforge
