#include "journal/index_writer.h"

#include <cerrno>

#include "journal/segment_index.h"
#include "journal/storage_files.h"

namespace tickforge {
namespace {

constexpr std::size_t kPendingMax = std::size_t{1} << 20;

void append_bytes(std::vector<std::uint8_t>& to, const void* from, std::size_t length) {
  const auto* bytes = static_cast<const std::uint8_t*>(from);
  to.insert(to.end(), bytes, bytes + length);
}

}  // namespace

void IndexWriter::create(const std::string& path, std::uint64_t segment_id) {
  // There may be one, left by a segment that no longer exists.
  opened(create_anew(storage_, path));
  end_ = 0;
  const IndexHeader header = make_index_header(segment_id);
  append_bytes(pending_, &header, sizeof header);
  write_pending();
}

void IndexWriter::reopen(const std::string& path, std::uint64_t entries) {
  opened(storage_.open(path));
  end_ = sizeof(IndexHeader) + entries * sizeof(IndexEntry);
}

void IndexWriter::append(const std::vector<IndexEntry>& entries) {
  append_bytes(pending_, entries.data(), entries.size() * sizeof(IndexEntry));
  write_pending();
}

void IndexWriter::sync() {
  write_pending();
  if (failure_ == 0 && !pending_.empty()) failure_ = -ENOSPC;
  if (failure_ == 0) failure_ = storage_.sync_now(file_);
}

void IndexWriter::close() {
  if (file_ >= 0) storage_.close(file_);
  file_ = -1;
}

void IndexWriter::opened(int file) {
  file_ = file;
  failure_ = file < 0 ? file : 0;
}

void IndexWriter::write_pending() {
  if (failure_ == 0 && !pending_.empty()) {
    auto written = write_fully(storage_, file_, "", pending_.data(), pending_.size(), end_);
    const bool full = !written && written.error().code == "TF_DISK_FULL";
    // While no block is written there is nothing to add either: it does not grow for long.
    if (full && pending_.size() <= kPendingMax) return;
    if (!written) failure_ = -written.error().number;
    if (written) end_ += pending_.size();
  }
  pending_.clear();
}

}  // namespace tickforge
