// Segment files for tests, written from the format alone: nothing of the writer is used.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/crc32c.h"
#include "format/segment.h"
#include "journal/posix_storage.h"
#include "journal/recovery.h"
#include "journal/segment_index.h"

namespace tickforge::testing {

using Bytes = std::vector<std::uint8_t>;

inline Bytes read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

inline void write_file(const std::string& path, const Bytes& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

/// A directory that is gone at the end of the test; in memory where there is such a place, as the tests sync a lot.
class TempDir {
 public:
  TempDir() {
    const std::filesystem::path memory = "/dev/shm";
    const bool in_memory = ::access(memory.c_str(), W_OK) == 0;
    std::string name = ((in_memory ? memory : std::filesystem::temp_directory_path()) / "tickforge-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() { std::filesystem::remove_all(path_); }
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

template <typename Record>
Record make_record(RecordType type, std::int64_t ts_recv, std::uint32_t instrument = 0) {
  Record record{};
  record.head.cells = sizeof(Record) / kCellBytes;
  record.head.type = static_cast<std::uint8_t>(type);
  record.head.instrument = instrument;
  record.head.ts_recv = ts_recv;
  record.head.ts_event = kNoneI64;
  return record;
}

inline Trade make_trade(std::int64_t ts_recv, std::int64_t price, std::uint32_t instrument = 1) {
  Trade trade = make_record<Trade>(RecordType::kTrade, ts_recv, instrument);
  trade.head.ts_event = ts_recv - 1000;
  trade.price = price;
  trade.size = 5;
  trade.trade_id = static_cast<std::uint64_t>(price);
  trade.sequence = kNoneU64;
  return trade;
}

class SegmentBuilder {
 public:
  explicit SegmentBuilder(std::uint64_t segment_id = 0xABCD'EF01'2345'6789) : segment_id_(segment_id) {}

  SegmentBuilder& add(const void* cells, std::size_t bytes) {
    const auto* first = static_cast<const std::uint8_t*>(cells);
    payload_.insert(payload_.end(), first, first + bytes);
    return *this;
  }
  template <typename Record>
  SegmentBuilder& add(const Record& record) {
    return add(&record, sizeof record);
  }

  SegmentBuilder& segment_record(std::int64_t ts_recv, std::int32_t day = 19'943, std::uint32_t part = 0) {
    struct {
      Segment segment;
      char text[kCellBytes];
    } record{};
    record.segment = make_record<Segment>(RecordType::kSegment, ts_recv);
    record.segment.head.cells = 2;
    record.segment.version = kFormatVersion;
    record.segment.journal_length = 4;
    record.segment.day = day;
    record.segment.part = part;
    record.segment.segment_id = segment_id_;
    std::memcpy(record.text, "test", 4);
    return add(record);
  }

  /// Instrument 'venue:symbol' without further texts.
  SegmentBuilder& instrument(std::uint32_t number, std::int64_t ts_recv, std::string_view venue = "test",
                             std::string_view symbol = "A") {
    struct {
      Instrument instrument;
      char text[kCellBytes];
    } record{};
    record.instrument = make_record<Instrument>(RecordType::kInstrument, ts_recv, number);
    record.instrument.head.cells = 2;
    record.instrument.price_exponent = -2;
    record.instrument.size_exponent = -3;
    record.instrument.venue_length = static_cast<std::uint8_t>(venue.size());
    record.instrument.symbol_length = static_cast<std::uint8_t>(symbol.size());
    std::memcpy(record.text, venue.data(), venue.size());
    std::memcpy(record.text + venue.size(), symbol.data(), symbol.size());
    return add(record);
  }

  SegmentBuilder& mark(std::int64_t ts_recv, std::uint32_t last_instrument, std::uint64_t missing_records = 0) {
    Mark record = make_record<Mark>(RecordType::kMark, ts_recv);
    record.head.flags = kFlagLast | kFlagCopy;
    record.last_instrument = last_instrument;
    record.missing_records = missing_records;
    return add(record);
  }

  /// Closes the block; `extra` flags go beside those that its records ask for.
  SegmentBuilder& end_block(std::uint16_t extra = 0) {
    BlockHeader header = next_header(extra);
    return end_block_as(header);
  }

  /// Header that fits the records added since the last block.
  BlockHeader next_header(std::uint16_t extra = 0) const {
    BlockHeader header{};
    header.magic = kBlockMagic;
    header.version = kFormatVersion;
    header.flags = extra;
    header.segment_id = segment_id_;
    header.block_number = block_number_;
    header.first_record = next_record_;
    header.min_ts_recv = std::numeric_limits<std::int64_t>::max();
    header.max_ts_recv = std::numeric_limits<std::int64_t>::min();
    for (std::size_t at = 0; at < payload_.size();) {
      const auto& head = *reinterpret_cast<const RecordHead*>(payload_.data() + at);
      header.record_count += 1;
      header.min_ts_recv = std::min(header.min_ts_recv, head.ts_recv);
      header.max_ts_recv = std::max(header.max_ts_recv, head.ts_recv);
      if (head.type >= 1 && head.type <= 3) header.flags |= kBlockHasDefinitions;
      if (head.type == 7 || head.type == 8) header.flags |= kBlockHasGaps;
      if (head.type == 255) header.flags |= kBlockHasMark;
      at += head.cells == 0 ? payload_.size() : head.cells * kCellBytes;
    }
    if (header.record_count == 0) header.min_ts_recv = header.max_ts_recv = 0;
    return header;
  }

  /// Closes the block under a header of the test's own; its length and CRCs are filled in.
  SegmentBuilder& end_block_as(BlockHeader header) {
    header.payload_length = static_cast<std::uint32_t>(payload_.size());
    header.payload_crc = crc32c(payload_.data(), payload_.size());
    header.header_crc = crc32c(&header, offsetof(BlockHeader, header_crc));
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&header);
    offsets_.push_back(file_.size());
    entries_.push_back(make_entry(entries_.empty() ? nullptr : &entries_.back(), header, file_.size()));
    file_.insert(file_.end(), bytes, bytes + sizeof header);
    file_.insert(file_.end(), payload_.begin(), payload_.end());
    file_.resize(align_up(file_.size(), kBlockAlign));
    payload_.clear();
    block_number_ = header.block_number + 1;
    next_record_ = header.first_record + header.record_count;
    return *this;
  }

  const Bytes& file() const { return file_; }
  const std::vector<IndexEntry>& entries() const { return entries_; }
  std::size_t offset(std::size_t block) const { return offsets_.at(block); }
  std::uint64_t segment_id() const { return segment_id_; }

 private:
  std::uint64_t segment_id_;
  std::uint64_t block_number_ = 0;
  std::uint64_t next_record_ = 0;
  Bytes payload_;
  Bytes file_;
  std::vector<IndexEntry> entries_;
  std::vector<std::size_t> offsets_;
};

/// `blocks` blocks of `trades` trades each, block 0 with the definitions; times count up by 10 from 1000.
inline SegmentBuilder sample_segment(std::size_t blocks, std::size_t trades = 100) {
  SegmentBuilder builder;
  std::int64_t ts = 1000;
  for (std::size_t b = 0; b < blocks; ++b) {
    if (b == 0) builder.segment_record(ts).instrument(1, ts);
    for (std::size_t i = 0; i < trades; ++i)
      builder.add(make_trade(ts += 10, static_cast<std::int64_t>(b * trades + i)));
    builder.end_block();
  }
  return builder;
}

/// Name that the parts of the program accept for a segment file.
inline constexpr std::string_view kSegmentFile = "2024-08-08.test.000.tfs";

inline Result<void> write_index(const std::string& segment_path, std::uint64_t segment_id,
                                const std::vector<IndexEntry>& entries) {
  PosixStorage storage;
  return tickforge::write_index(storage, segment_path, segment_id, entries);
}

inline Result<RecoveredTail> recover_segment(const std::string& segment_path, const RecoveryReach& reach = {}) {
  PosixStorage storage;
  return tickforge::recover_segment(storage, segment_path, reach);
}

}  // namespace tickforge::testing
