// Entries of an index file, read where they are touched: a lookup needs a few out of a hundred thousand.
//
// Read with pread and kept in pages of our own, not mapped: a recorder that starts on the segment may cut the file and
// write its end anew, and a mapping of what was cut raises SIGBUS.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "format/segment.h"

namespace tickforge {

class TouchedIndex {
 public:
  /// Nothing when there is no index, or its header or its last entry does not hold: then only reading all of it tells
  /// what it says. Errors: TF_IO.
  static Result<std::optional<TouchedIndex>> open(const std::string& segment_path);

  std::uint64_t segment_id() const { return segment_id_; }
  std::size_t size() const { return size_; }

  /// Entry `i` as it stands there; nothing when it fails its CRC, keeps the place of a lost block, or is not that of
  /// block `i`.
  std::optional<IndexEntry> at(std::size_t i);

 private:
  struct Page {
    std::uint64_t number = 0;
    std::size_t length = 0;
    alignas(IndexEntry) std::array<std::uint8_t, 4096> bytes;
  };

  explicit TouchedIndex(UniqueFd fd) : fd_(std::move(fd)) {}

  /// 64 bytes at `offset`, null when they are not there.
  const std::uint8_t* read(std::uint64_t offset);

  UniqueFd fd_;
  std::uint64_t segment_id_ = 0;
  std::size_t size_ = 0;
  std::vector<std::unique_ptr<Page>> pages_;
  std::size_t oldest_ = 0;
};

}  // namespace tickforge
