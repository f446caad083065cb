// The segment file that is being written, with its index: where the next block goes and what has been written so far.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "journal/block_batch.h"
#include "journal/index_writer.h"
#include "journal/recovery.h"
#include "journal/segment_name.h"
#include "journal/storage_files.h"

namespace tickforge {

class SegmentFile {
 public:
  /// A recovery reads what was written behind the last durable entry of the index: about this much, and what its sync
  /// took.
  static constexpr std::uint64_t kIndexSyncBytes = std::uint64_t{32} << 20;

  /// Makes the next free part of a journal's day, durable in its directory. Errors: TF_DISK_FULL, TF_IO.
  static Result<std::unique_ptr<SegmentFile>> create(Storage& storage, const std::string& directory,
                                                     const std::string& journal, std::int32_t day);
  /// Goes on behind what recovery found. Errors: TF_IO.
  static Result<std::unique_ptr<SegmentFile>> reopen(Storage& storage, const std::string& path,
                                                     const RecoveredTail& tail);
  SegmentFile(const SegmentFile&) = delete;
  SegmentFile& operator=(const SegmentFile&) = delete;
  ~SegmentFile();

  int file() const { return file_; }
  /// Until finish().
  bool is_open() const { return file_ >= 0; }
  const std::string& path() const { return path_; }
  std::int32_t day() const { return day_; }
  std::uint32_t part() const { return part_; }
  std::uint64_t segment_id() const { return segment_id_; }
  /// Bytes of whole written blocks; their count, their records, the largest ts_recv of them.
  std::uint64_t end_offset() const { return end_offset_; }
  std::uint64_t blocks_written() const { return blocks_written_; }
  std::uint64_t records_written() const { return records_written_; }
  /// Number of the record behind those of the written blocks. Larger than their count where blocks were damaged.
  std::uint64_t written_record_end() const { return written_record_end_; }
  /// Blocks that have a place, written or not.
  std::uint64_t blocks_placed() const { return next_block_; }
  std::int64_t running_max_ts_recv() const { return last_entry_.running_max_ts_recv; }
  /// The segment record that block 0 begins with.
  std::vector<std::uint8_t> segment_record(const std::string& journal, const std::string& writer,
                                           std::int64_t ts_recv) const;

  /// Place of the next block, which has `records` records. Each call counts.
  BlockPlace next_place(std::uint32_t records);
  /// Sets disk space aside ahead of a write of `bytes`. Nothing fails here: a full disk fails the write itself.
  void reserve_ahead(std::uint64_t bytes);
  /// Writes zeros where the next blocks go, a bounded stretch at a time: blocks that overwrite what was written before cost
  /// the file system no journal commit of its own (OPERATING.md). For a writer that has nothing else to do. True: it did.
  bool zero_ahead(std::uint64_t bytes);
  /// A full disk has space again.
  void space_returned() { reserves_ = zeroes_ = true; }
  /// So much was written since the index was made durable that a recovery would have to read much.
  bool index_sync_is_due() const { return end_offset_ - index_synced_at_ >= kIndexSyncBytes && index_.failure() == 0; }
  /// File of the index, to be synced.
  int begin_index_sync();
  void end_index_sync(int result) { index_.on_synced(result); }
  /// The batch is in the file: its blocks count and are indexed.
  void on_written(const BlockBatch& batch);
  /// Cuts the file behind its last whole block, which gives back what was set aside, syncs the index and closes both.
  Result<void> finish();
  /// Closes the file as it is.
  void leave();

 private:
  SegmentFile(Storage& storage, std::string path, int file);

  Storage& storage_;
  IndexWriter index_;
  std::string path_;
  int file_;
  std::int32_t day_ = 0;
  std::uint32_t part_ = 0;
  std::uint64_t segment_id_ = 0;
  std::uint64_t next_block_ = 0;
  std::uint64_t next_record_ = 0;
  std::uint64_t end_offset_ = 0;
  std::uint64_t blocks_written_ = 0;
  std::uint64_t records_written_ = 0;
  std::uint64_t written_record_end_ = 0;
  std::uint64_t reserved_end_ = 0;
  bool reserves_ = true;
  std::uint64_t zeroed_end_ = 0;
  bool zeroes_ = true;
  std::uint64_t index_synced_at_ = 0;  // end_offset_ then
  IndexEntry last_entry_{};
  bool has_entry_ = false;
};

}  // namespace tickforge
