#include "journal/segment_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/assert.h"
#include "journal/segment_index.h"
#include "journal/storage_files.h"

namespace tickforge {
namespace {

constexpr std::uint64_t kReserveBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kReserveLow = std::uint64_t{16} << 20;
/// Zeros are written again when less than this share of a stretch is left.
constexpr std::uint64_t kZeroLowShare = 8;

}  // namespace

SegmentFile::SegmentFile(Storage& storage, std::string path, int file)
    : storage_(storage), index_(storage), path_(std::move(path)), file_(file) {
  last_entry_.running_max_ts_recv = kNoneI64;
}

SegmentFile::~SegmentFile() {
  index_.close();
  if (file_ >= 0) storage_.close(file_);
}

Result<std::unique_ptr<SegmentFile>> SegmentFile::create(Storage& storage, const std::string& directory,
                                                         const std::string& journal, std::int32_t day) {
  std::vector<std::string> names;
  const int listed = storage.list(directory, names);
  if (listed < 0) return system_error("TF_IO", "listing", directory, -listed);
  SegmentName name{day, journal, 0};
  for (const SegmentName& other : segments_of(names, journal)) {
    if (other.day == day) name.part = other.part + 1;
  }
  if (name.part > kPartMax) {
    return Error{"TF_IO", "'" + directory + "' has no part left for a day of journal '" + journal + "'", directory,
                 EMFILE};
  }
  std::string path = directory + "/" + name.file_name();
  const int file = storage.create(path);
  if (file < 0) return write_error("creating", path, -file);
  auto segment = std::unique_ptr<SegmentFile>(new SegmentFile(storage, std::move(path), file));
  segment->day_ = day;
  segment->part_ = name.part;
  segment->segment_id_ = storage.random_id();
  segment->index_.create(index_path_of(segment->path_), segment->segment_id_);
  const int synced = storage.sync_directory(directory);
  if (synced < 0) return system_error("TF_IO", "syncing the directory", directory, -synced);
  return segment;
}

Result<std::unique_ptr<SegmentFile>> SegmentFile::reopen(Storage& storage, const std::string& path,
                                                         const RecoveredTail& tail) {
  TF_ASSERT(tail.end_offset % kBlockAlign == 0 && tail.next_block > 0);
  const int file = storage.open(path);
  if (file < 0) return system_error("TF_IO", "opening", path, -file);
  auto segment = std::unique_ptr<SegmentFile>(new SegmentFile(storage, path, file));
  segment->day_ = tail.day;
  segment->part_ = tail.part;
  segment->segment_id_ = tail.segment_id;
  segment->next_block_ = tail.next_block;
  segment->next_record_ = tail.next_record;
  segment->end_offset_ = tail.end_offset;
  segment->reserved_end_ = tail.end_offset;
  segment->index_synced_at_ = tail.end_offset;
  segment->blocks_written_ = tail.next_block;
  segment->records_written_ = tail.record_count;
  segment->written_record_end_ = tail.next_record;
  // All that an entry takes over from the one before it.
  segment->last_entry_.running_max_ts_recv = tail.running_max_ts_recv;
  segment->last_entry_.back_steps = tail.back_steps;
  segment->has_entry_ = true;
  segment->index_.reopen(index_path_of(path), tail.next_block);
  return segment;
}

std::vector<std::uint8_t> SegmentFile::segment_record(const std::string& journal, const std::string& writer,
                                                      std::int64_t ts_recv) const {
  const std::size_t writer_length = std::min<std::size_t>(writer.size(), 255);
  const std::size_t cells = 1 + align_up(journal.size() + writer_length, kCellBytes) / kCellBytes;
  Segment segment{};
  segment.head = make_head(RecordType::kSegment, ts_recv, cells);
  segment.version = kFormatVersion;
  segment.journal_length = static_cast<std::uint8_t>(journal.size());
  segment.writer_length = static_cast<std::uint8_t>(writer_length);
  segment.part = part_;
  segment.day = day_;
  segment.segment_id = segment_id_;
  std::vector<std::uint8_t> record(cells * kCellBytes, 0);
  std::memcpy(record.data(), &segment, sizeof segment);
  std::memcpy(record.data() + kCellBytes, journal.data(), journal.size());
  std::memcpy(record.data() + kCellBytes + journal.size(), writer.data(), writer_length);
  return record;
}

BlockPlace SegmentFile::next_place(std::uint32_t records) {
  const BlockPlace place{segment_id_, next_block_, next_record_};
  next_block_ += 1;
  next_record_ += records;
  return place;
}

void SegmentFile::reserve_ahead(std::uint64_t bytes) {
  const std::uint64_t needed = end_offset_ + bytes;
  if (!reserves_ || needed + kReserveLow <= reserved_end_) return;
  const std::uint64_t from = std::max(reserved_end_, end_offset_);
  const std::uint64_t until = needed + kReserveBytes;
  // A file system without fallocate, or a nearly full one: blocks are then allocated as they are written.
  reserves_ = storage_.reserve(file_, from, until - from) >= 0;
  if (reserves_) reserved_end_ = until;
}

bool SegmentFile::zero_ahead(std::uint64_t bytes) {
  const std::uint64_t from = std::max(zeroed_end_, end_offset_);
  if (!zeroes_ || from >= end_offset_ + bytes / kZeroLowShare) return false;
  const int written = storage_.write_zeros(file_, from, bytes);
  if (is_interrupted(written)) return false;
  // Best effort: what is wrong with the disk, the next block finds out.
  zeroes_ = written > 0;
  if (zeroes_) zeroed_end_ = from + static_cast<std::uint64_t>(written);
  return zeroes_;
}

int SegmentFile::begin_index_sync() {
  index_synced_at_ = end_offset_;
  return index_.file();
}

void SegmentFile::on_written(const BlockBatch& batch) {
  std::vector<IndexEntry> entries;
  entries.reserve(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const BlockHeader& header = batch.header(i);
    last_entry_ = make_entry(has_entry_ ? &last_entry_ : nullptr, header, end_offset_);
    has_entry_ = true;
    entries.push_back(last_entry_);
    end_offset_ = end_of(last_entry_);
    blocks_written_ += 1;
    records_written_ += header.record_count;
    written_record_end_ = header.first_record + header.record_count;
  }
  index_.append(entries);
}

Result<void> SegmentFile::finish() {
  index_.sync();
  index_.close();
  const int cut = storage_.truncate(file_, end_offset_);
  const int closed = storage_.close(std::exchange(file_, -1));
  if (cut < 0) return system_error("TF_IO", "cutting", path_, -cut);
  if (closed < 0) return write_error("closing", path_, -closed);
  return {};
}

void SegmentFile::leave() {
  index_.close();
  (void)storage_.close(std::exchange(file_, -1));
}

}  // namespace tickforge
