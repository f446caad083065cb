// A storage between the writer and its disk that gives the writer a defect. What the writer then believes is what one
// with that defect would believe; the simulation has to see it.
#pragma once

#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "base/crc32c.h"
#include "journal/block_batch.h"
#include "journal/storage.h"

namespace tickforge::testing {

enum class Defect {
  kNone,
  kAcknowledgesBeforeTheSync,
  kForgetsTheRestOfAShortWrite,
  kTakesAFailedWriteForDone,
  kSyncsAgainAfterAFailure,
  kNeverSyncsTheDirectory,
  kForgetsTheGapOfAFailure,
  kGivesBackTooEarly,  // in the simulation itself: cells are overwritten when they are written
  // Of a recovery:
  kTakesAFailedReadForTheEnd,
  kForgetsTheRestOfAShortRead,
  kTakesAFailedListForAnEmptyDirectory,
  kNeverSyncsWhatItFinds,
  kCutsTooMuch,
};

constexpr bool is_of_recovery(Defect defect) { return defect >= Defect::kTakesAFailedReadForTheEnd; }

class BrokenStorage : public Storage {
 public:
  BrokenStorage(Storage& disk, Defect defect) : disk_(disk), defect_(defect) {}

  int create(const std::string& path) override { return disk_.create(path); }
  int open(const std::string& path) override { return disk_.open(path); }
  int close(int file) override { return disk_.close(file); }
  std::int64_t size(int file) override { return disk_.size(file); }
  std::int64_t read_now(int file, void* bytes, std::size_t length, std::uint64_t offset) override {
    if (defect_ == Defect::kForgetsTheRestOfAShortRead && std::exchange(read_until_, 0) == offset && offset > 0) return 0;
    const std::int64_t count = disk_.read_now(file, bytes, length, offset);
    if (count < 0 && defect_ == Defect::kTakesAFailedReadForTheEnd) return 0;
    if (count > 0 && static_cast<std::size_t>(count) < length) read_until_ = offset + static_cast<std::uint64_t>(count);
    return count;
  }
  std::int64_t next_data(int file, std::uint64_t offset) override { return disk_.next_data(file, offset); }
  int remove(const std::string& path) override { return disk_.remove(path); }
  int rename(const std::string& from, const std::string& to) override { return disk_.rename(from, to); }
  int list(const std::string& directory, std::vector<std::string>& names) override {
    const int listed = disk_.list(directory, names);
    return defect_ == Defect::kTakesAFailedListForAnEmptyDirectory ? 0 : listed;
  }
  int sync_directory(const std::string& directory) override {
    return defect_ == Defect::kNeverSyncsTheDirectory ? 0 : disk_.sync_directory(directory);
  }
  int submit_write(int file, const void* bytes, std::size_t length, std::uint64_t offset) override {
    wanted_ = static_cast<int>(length);
    if (defect_ == Defect::kForgetsTheGapOfAFailure && offset == 0) return write_without_gap(file, bytes, length);
    return disk_.submit_write(file, bytes, length, offset);
  }
  int submit_sync(int file) override {
    if (defect_ == Defect::kAcknowledgesBeforeTheSync) {
      acknowledged_ = true;
      if (syncing_) return 0;
    }
    syncing_ = file;
    return disk_.submit_sync(file);
  }
  Completions poll(std::int64_t wait_ns) override {
    Completions ended = disk_.poll(acknowledged_ ? 0 : wait_ns);
    if (ended.write_done && ended.write_result > 0 && defect_ == Defect::kForgetsTheRestOfAShortWrite) {
      ended.write_result = wanted_;
    }
    if (ended.write_done && ended.write_result < 0 && defect_ == Defect::kTakesAFailedWriteForDone) {
      ended.write_result = wanted_;
    }
    if (ended.sync_done) {
      const int file = *std::exchange(syncing_, std::nullopt);
      if (ended.sync_result < 0 && defect_ == Defect::kSyncsAgainAfterAFailure) {
        ended.sync_done = false;
        (void)submit_sync(file);
      }
    }
    if (defect_ == Defect::kAcknowledgesBeforeTheSync) {
      ended.sync_done = std::exchange(acknowledged_, false);
      ended.sync_result = 0;
    }
    return ended;
  }
  /// The gap record says that the recorder was stopped.
  int write_without_gap(int file, const void* bytes, std::size_t length) {
    const auto* from = static_cast<const std::uint8_t*>(bytes);
    bytes_.assign(from, from + length);
    BlockHeader header;
    std::memcpy(&header, bytes_.data(), sizeof header);
    std::uint8_t* payload = bytes_.data() + sizeof header;
    for (std::size_t at = 0; at < header.payload_length; at += payload[at] * kCellBytes) {
      Gap gap;
      std::memcpy(&gap, payload + at, sizeof gap);
      const bool ours = gap.head.type == static_cast<std::uint8_t>(RecordType::kGap) && gap.head.frame == 0;
      if (!ours || gap.cause != static_cast<std::uint8_t>(GapCause::kWriteError)) continue;
      payload[at + offsetof(Gap, cause)] = static_cast<std::uint8_t>(GapCause::kStop);
    }
    header.payload_crc = crc32c(payload, header.payload_length);
    seal_header(header);
    std::memcpy(bytes_.data(), &header, sizeof header);
    return disk_.submit_write(file, bytes_.data(), bytes_.size(), 0);
  }
  void pause(std::int64_t ns) override { disk_.pause(ns); }
  std::uint64_t random_id() override { return disk_.random_id(); }
  int write_now(int file, const void* bytes, std::size_t length, std::uint64_t offset) override {
    return disk_.write_now(file, bytes, length, offset);
  }
  int sync_now(int file) override {
    return defect_ == Defect::kNeverSyncsWhatItFinds ? 0 : disk_.sync_now(file);
  }
  int reserve(int file, std::uint64_t offset, std::uint64_t length) override {
    return disk_.reserve(file, offset, length);
  }
  int write_zeros(int file, std::uint64_t offset, std::uint64_t length) override {
    return disk_.write_zeros(file, offset, length);
  }
  int truncate(int file, std::uint64_t length) override {
    const bool too_much = defect_ == Defect::kCutsTooMuch && length >= 2 * kBlockAlign;
    return disk_.truncate(file, too_much ? length - kBlockAlign : length);
  }

 private:
  Storage& disk_;
  Defect defect_;
  int wanted_ = 0;
  bool acknowledged_ = false;
  std::optional<int> syncing_;
  std::vector<std::uint8_t> bytes_;
  std::uint64_t read_until_ = 0;  // of a short read
};

}  // namespace tickforge::testing
