// Appends entries to the index file of the segment that is being written.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "format/segment.h"
#include "journal/storage.h"

namespace tickforge {

/// An index can be derived from the blocks at any time, so a failure here stops nothing: entries are no longer written
/// (later ones would stand in the wrong place) and failure() tells. The next recovery writes the file anew. What a full
/// disk has no room for waits for the next entries.
class IndexWriter {
 public:
  explicit IndexWriter(Storage& storage) : storage_(storage) {}

  /// Starts the file of a new segment.
  void create(const std::string& path, std::uint64_t segment_id);
  /// Goes on behind the first `entries` entries of an existing file.
  void reopen(const std::string& path, std::uint64_t entries);
  void append(const std::vector<IndexEntry>& entries);
  /// Makes durable what is written: of a segment that has ended nobody derives the index again.
  void sync();
  void close();
  /// For a sync of what is written so far that somebody else makes, and for what it found.
  int file() const { return file_; }
  void on_synced(int result) {
    if (failure_ == 0 && result < 0) failure_ = result;
  }
  /// -errno of the first failure, 0 without one.
  int failure() const { return failure_; }

 private:
  void opened(int file);
  void write_pending();

  Storage& storage_;
  int file_ = -1;
  std::uint64_t end_ = 0;
  int failure_ = 0;
  std::vector<std::uint8_t> pending_;
};

}  // namespace tickforge
