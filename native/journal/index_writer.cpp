#include "journal/index_writer.h"

#include <cerrno>

#include "journal/segment_index.h"

namespace tickforge {

void IndexWriter::create(const std::string& path, std::uint64_t segment_id) {
  int file = storage_.create(path);
  if (file == -EEXIST) {
    // Left by a segment that no longer exists.
    file = storage_.open(path);
    if (file >= 0) storage_.truncate(file, 0);
  }
  opened(file);
  end_ = 0;
  const IndexHeader header = make_index_header(segment_id);
  write(&header, sizeof header);
}

void IndexWriter::reopen(const std::string& path, std::uint64_t entries) {
  opened(storage_.open(path));
  end_ = sizeof(IndexHeader) + entries * sizeof(IndexEntry);
}

void IndexWriter::append(const std::vector<IndexEntry>& entries) {
  write(entries.data(), entries.size() * sizeof(IndexEntry));
}

void IndexWriter::sync() {
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

void IndexWriter::write(const void* bytes, std::size_t length) {
  std::size_t done = 0;
  while (failure_ == 0 && done < length) {
    const auto* rest = static_cast<const std::uint8_t*>(bytes) + done;
    const int count = storage_.write_now(file_, rest, length - done, end_ + done);
    if (count == -EINTR || count == -EAGAIN) continue;
    if (count <= 0) failure_ = count < 0 ? count : -EIO;
    if (count > 0) done += static_cast<std::size_t>(count);
  }
  end_ += done;
}

}  // namespace tickforge
