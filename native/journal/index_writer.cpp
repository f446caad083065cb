#include "journal/index_writer.h"

#include "journal/segment_index.h"
#include "journal/storage_files.h"

namespace tickforge {

void IndexWriter::create(const std::string& path, std::uint64_t segment_id) {
  // There may be one, left by a segment that no longer exists.
  opened(create_anew(storage_, path));
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
  if (failure_ != 0) return;
  auto written = write_fully(storage_, file_, "", bytes, length, end_);
  if (!written) failure_ = -written.error().number;
  end_ += length;
}

}  // namespace tickforge
