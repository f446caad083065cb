#include "testing/simulated_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "journal/storage_files.h"

namespace tickforge::testing {
namespace {

constexpr std::uint64_t kSector = 512;
/// The first page of a file is what was written there or zeros: no file system shows old bytes in a new file. Behind
/// it garbage stands for whatever a failing device may leave.
constexpr std::uint64_t kNoGarbageBefore = 4096;
constexpr std::int64_t kMicrosecond = 1'000;
constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

std::string_view to_string(Fault fault) {
  constexpr std::array<std::string_view, static_cast<std::size_t>(Fault::kCount)> kNames = {
      "short write",       "EINTR or EAGAIN",       "EIO on write",          "EIO on sync",
      "disk full",         "fallocate refused",     "index write failed",    "stall",
      "completion before an older one",             "power cut",             "power cut in recovery",
      "process killed",    "write torn by sectors", "write dropped",         "unsynced write kept",
      "garbage in a hole", "directory entry lost",  "clock step",
      "producer came",     "producer left",         "zeros refused",     "reserve returned",
      "endless EAGAIN",    "write given up after EAGAIN",
      "start: short read", "start: EIO on read",    "start: EIO on open",    "start: EIO on list",
      "start: EIO on a cut",                        "start: EIO on rename",  "start: EIO on removal",
      "start: EIO on sync", "start: EIO on write",  "start: disk full",      "start failed",
      "start ended behind its recovery",            "start stopped twice in a row"};
  return kNames[static_cast<std::size_t>(fault)];
}

void SimulatedDisk::call(const char* what, const std::string& name) {
  TF_ASSERT(!stopped_);
  calls_ += 1;
  trace_(std::string(what) + " " + name);
  if (calls_ != stop_at_) return;
  stopped_ = true;
  throw MachineStopped{};
}

bool SimulatedDisk::occurs(std::uint64_t in_a_thousand, Fault fault) {
  if (in_a_thousand == 0 || !random_.chance(in_a_thousand)) return false;
  count(fault);
  trace_("  " + std::string(to_string(fault)));
  return true;
}

std::int64_t SimulatedDisk::end_of_call() {
  std::int64_t took = static_cast<std::int64_t>(random_.between(20, 3000)) * kMicrosecond;
  if (occurs(rates_.stall, Fault::kStall)) took += static_cast<std::int64_t>(random_.between(1, 60)) * kSecond;
  return clock_.monotonic + took;
}

bool SimulatedDisk::fails(std::uint64_t in_a_thousand, Fault fault) {
  if (!occurs(in_a_thousand, fault)) return false;
  excuses_.failed_calls += 1;
  return true;
}

bool SimulatedDisk::is_full() {
  if (clock_.monotonic >= full_until_) {
    if (!occurs(rates_.disk_full, Fault::kDiskFull)) return false;
    full_until_ = clock_.monotonic + static_cast<std::int64_t>(random_.between(1, 10'000)) * kMillisecond;
    full_room_ = random_.below(3) == 0 ? 0 : random_.below(100'000);
  }
  return true;
}

void SimulatedDisk::apply(Bytes& content, const Change& change) {
  if (change.cut) {
    content.resize(change.offset, 0);
    return;
  }
  if (content.size() < change.offset + change.bytes.size()) content.resize(change.offset + change.bytes.size(), 0);
  std::copy(change.bytes.begin(), change.bytes.end(), content.begin() + static_cast<std::ptrdiff_t>(change.offset));
}

void SimulatedDisk::change(File& file, Change change) {
  apply(file.seen, change);
  file.changes.push_back(std::move(change));
}

void SimulatedDisk::survive(File& file, const Change& change, Bytes& content) {
  const std::uint64_t luck = random_.below(4);
  if (change.cut) {
    if (luck % 2 == 0) apply(content, change);
    return;
  }
  if (luck == 0) {
    count(Fault::kKeptWrite);
    apply(content, change);
    return;
  }
  // The file may have grown all the same: what did not arrive reads as zeros, or as what the disk held there before.
  const std::uint64_t end = change.offset + change.bytes.size();
  if (luck == 1) {
    count(Fault::kDroppedWrite);
    if (random_.chance(300) && content.size() < end) content.resize(random_.between(content.size(), end), 0);
    return;
  }
  count(Fault::kTornWrite);
  const bool in_order = random_.chance(500);
  const std::uint64_t kept = random_.below(1001);
  const bool garbage = random_.chance(200) && !file.seen.empty();
  for (std::uint64_t at = change.offset; at < end;) {
    const std::uint64_t next = std::min(end, (at / kSector + 1) * kSector);
    const bool keep =
        in_order ? (at - change.offset) * 1000 < kept * change.bytes.size() : random_.chance(kept);
    if (keep) {
      const auto from = change.bytes.begin() + static_cast<std::ptrdiff_t>(at - change.offset);
      apply(content, {false, at, Bytes(from, from + static_cast<std::ptrdiff_t>(next - at))});
    } else if (garbage && at >= kNoGarbageBefore) {
      Bytes noise(next - at);
      for (std::uint8_t& byte : noise) byte = static_cast<std::uint8_t>(random_.bits());
      apply(content, {false, at, std::move(noise)});
      count(Fault::kGarbage);
    }
    at = next;
  }
}

void SimulatedDisk::close_all() {
  open_.clear();
  write_.reset();
  sync_.reset();
  stopped_ = false;
  stuck_writes_ = 0;
  interruptions_ = 0;
  never_stop();
}

void SimulatedDisk::cut_power() {
  count(Fault::kPowerCut);
  trace_("power cut");
  if (write_) {
    write_->file->changes.push_back({false, write_->offset, Bytes(write_->bytes, write_->bytes + write_->length)});
  }
  Entries survivors;
  for (const auto& [name, file] : durable_entries_) {
    const auto now = entries_.find(name);
    // A name that another file has taken over is that of the one or of the other.
    if (now != entries_.end() || random_.chance(500)) survivors[name] = file;
  }
  for (const auto& [name, file] : entries_) {
    const auto then = durable_entries_.find(name);
    if (then != durable_entries_.end() && then->second == file) continue;
    if (random_.chance(500)) {
      survivors[name] = file;
    } else if (!survivors.contains(name)) {
      count(Fault::kLostEntry);
    }
  }
  entries_ = durable_entries_ = std::move(survivors);
  for (const auto& [name, file] : entries_) {
    Bytes content = file->durable;
    for (const Change& change : file->changes) survive(*file, change, content);
    file->changes.clear();
    file->seen = file->durable = std::move(content);
    file->dropped_pages = false;
  }
  close_all();
}

void SimulatedDisk::kill() {
  count(Fault::kKill);
  trace_("killed");
  if (write_) {
    const std::size_t length = write_->length;
    const std::size_t taken = random_.chance(300) ? length : random_.below(length + 1);
    if (taken > 0) change(*write_->file, {false, write_->offset, Bytes(write_->bytes, write_->bytes + taken)});
  }
  close_all();
}

std::map<std::string, SimulatedDisk::Bytes> SimulatedDisk::image() const {
  std::map<std::string, Bytes> files;
  for (const auto& [name, file] : entries_) files[name] = file->seen;
  return files;
}

bool SimulatedDisk::has_dropped_pages(const std::string& name) const {
  const auto entry = entries_.find(name);
  return entry != entries_.end() && entry->second->dropped_pages;
}

bool SimulatedDisk::has_failed(const std::string& name) const {
  const auto entry = entries_.find(name);
  return entry != entries_.end() ? entry->second->failed : refused_.contains(name);
}

int SimulatedDisk::create(const std::string& path) {
  const std::string name = name_of(path);
  call("create", name);
  if (entries_.contains(name)) return -EEXIST;
  if (is_full() && full_room_ == 0) {
    excuses_.disk_full = true;
    refused_.insert(name);
    return -ENOSPC;
  }
  entries_[name] = std::make_shared<File>();
  open_.emplace_back(name, entries_[name]);
  return static_cast<int>(open_.size()) - 1;
}

int SimulatedDisk::open(const std::string& path) {
  const std::string name = name_of(path);
  call("open", name);
  if (fails(rates_.open_error, Fault::kOpenError)) return -EIO;
  const auto entry = entries_.find(name);
  if (entry == entries_.end()) return -ENOENT;
  open_.emplace_back(*entry);
  return static_cast<int>(open_.size()) - 1;
}

int SimulatedDisk::close(int file) {
  // Nothing to stop at: destructors close files, also when the machine has stopped and nothing is open any more.
  if (const auto number = static_cast<std::size_t>(file); number < open_.size()) open_[number].second = nullptr;
  return 0;
}

std::int64_t SimulatedDisk::size(int file) {
  return static_cast<std::int64_t>(open_.at(static_cast<std::size_t>(file)).second->seen.size());
}

std::int64_t SimulatedDisk::read_now(int file, void* bytes, std::size_t length, std::uint64_t offset) {
  const auto& [name, opened] = open_.at(static_cast<std::size_t>(file));
  call("read", name + " at " + std::to_string(offset));
  if (occurs(rates_.interrupted, Fault::kInterrupted)) return -EINTR;
  if (fails(rates_.read_error, Fault::kReadError)) return -EIO;
  const Bytes& seen = opened->seen;
  std::size_t count = offset < seen.size() ? std::min<std::size_t>(length, seen.size() - offset) : 0;
  if (count > 1 && occurs(rates_.short_read, Fault::kShortRead)) count = random_.between(1, count - 1);
  if (count > 0) std::memcpy(bytes, seen.data() + offset, count);
  return static_cast<std::int64_t>(count);
}

std::int64_t SimulatedDisk::next_data(int file, std::uint64_t offset) {
  return static_cast<std::int64_t>(offset) < size(file) ? static_cast<std::int64_t>(offset) : -ENXIO;
}

int SimulatedDisk::remove(const std::string& path) {
  const std::string name = name_of(path);
  call("remove", name);
  if (fails(rates_.name_error, Fault::kRemoveError)) return -EIO;
  return entries_.erase(name) > 0 ? 0 : -ENOENT;
}

int SimulatedDisk::rename(const std::string& from, const std::string& to) {
  call("rename", name_of(from));
  if (fails(rates_.name_error, Fault::kRenameError)) return -EIO;
  const auto entry = entries_.find(name_of(from));
  if (entry == entries_.end()) return -ENOENT;
  entries_[name_of(to)] = entry->second;
  entries_.erase(name_of(from));
  return 0;
}

int SimulatedDisk::list(const std::string&, std::vector<std::string>& names) {
  call("list", "");
  if (fails(rates_.list_error, Fault::kListError)) return -EIO;
  for (const auto& entry : entries_) names.push_back(entry.first);
  return 0;
}

int SimulatedDisk::sync_directory(const std::string&) {
  call("sync directory", "");
  if (occurs(rates_.sync_error, Fault::kSyncError)) {
    excuses_.directory_error = true;
    if (starts_) count(Fault::kStartSyncError);
    return -EIO;
  }
  durable_entries_ = entries_;
  return 0;
}

int SimulatedDisk::submit_write(int file, const void* bytes, std::size_t length, std::uint64_t offset) {
  TF_ASSERT(!write_);
  const auto& [name, opened] = open_.at(static_cast<std::size_t>(file));
  call("write", name + " at " + std::to_string(offset));
  write_ = Write{opened, name, static_cast<const std::uint8_t*>(bytes), length, offset, end_of_call(), calls_};
  return 0;
}

int SimulatedDisk::submit_sync(int file) {
  TF_ASSERT(!sync_);
  const auto& [name, opened] = open_.at(static_cast<std::size_t>(file));
  call("sync", name);
  sync_ = Sync{opened, name, opened->changes.size(), end_of_call(), calls_};
  return 0;
}

Completions SimulatedDisk::poll(std::int64_t wait_ns) {
  Completions ended;
  if (stopped_) return ended;
  std::int64_t next = clock_.monotonic + wait_ns;
  if (write_) next = std::min(next, write_->ends_at);
  if (sync_) next = std::min(next, sync_->ends_at);
  clock_.monotonic = std::max(clock_.monotonic, next);
  const bool write_ends = write_ && write_->ends_at <= clock_.monotonic;
  const bool sync_ends = sync_ && sync_->ends_at <= clock_.monotonic;
  if (!write_ends && !sync_ends) return ended;
  const bool older_stays = write_ends != sync_ends && write_ && sync_ &&
                           (write_ends ? sync_->started < write_->started : write_->started < sync_->started);
  if (older_stays) count(Fault::kReordered);
  call("end of", write_ends ? write_->name : sync_->name);
  if (write_ends) {
    ended.write_done = true;
    ended.write_result = end_write();
  }
  if (sync_ends) {
    ended.sync_done = true;
    ended.sync_result = end_sync();
  }
  return ended;
}

int SimulatedDisk::end_write() {
  const Write write = *std::exchange(write_, std::nullopt);
  std::size_t length = write.length;
  if (stuck_writes_ == 0 && occurs(rates_.stuck, Fault::kStuckWrite)) stuck_writes_ = random_.between(1, 3 * kAttemptsMax);
  if (stuck_writes_ > 0) {
    stuck_writes_ -= 1;
    return interrupt(*write.file);
  }
  if (occurs(rates_.interrupted, Fault::kInterrupted)) return interrupt(*write.file);
  interruptions_ = 0;
  if (occurs(rates_.write_error, Fault::kWriteError)) {
    excuses_.io_errors += 1;
    write.file->failed = true;
    const std::size_t taken = random_.below(length);
    if (taken > 0) change(*write.file, {false, write.offset, Bytes(write.bytes, write.bytes + taken)});
    return -EIO;
  }
  if (length > 1 && occurs(rates_.short_write, Fault::kShortWrite)) length = random_.between(1, length - 1);
  if (is_full()) {
    length = std::min<std::size_t>(length, full_room_);
    full_room_ -= length;
    if (length == 0) {
      excuses_.disk_full = true;
      return -ENOSPC;
    }
  }
  change(*write.file, {false, write.offset, Bytes(write.bytes, write.bytes + length)});
  return static_cast<int>(length);
}

int SimulatedDisk::end_sync() {
  const Sync sync = *std::exchange(sync_, std::nullopt);
  const bool fails = occurs(rates_.sync_error, Fault::kSyncError);
  secure(*sync.file, sync.changes, fails);
  if (!fails) return 0;
  excuses_.io_errors += 1;
  return -EIO;
}

int SimulatedDisk::interrupt(File& file) {
  interruptions_ += 1;
  if (interruptions_ == kAttemptsMax) {
    // To the writer this is a failure like any other.
    interruptions_ = 0;
    count(Fault::kGivenUpWrite);
    excuses_.io_errors += 1;
    file.failed = true;
  }
  return random_.chance(500) ? -EINTR : -EAGAIN;
}

std::uint64_t SimulatedDisk::random_id() { return random_.bits() | 1; }

int SimulatedDisk::write_now(int file, const void* bytes, std::size_t length, std::uint64_t offset) {
  const auto& [name, opened] = open_.at(static_cast<std::size_t>(file));
  call("write now", name);
  if (occurs(rates_.interrupted, Fault::kInterrupted)) return random_.chance(500) ? -EINTR : -EAGAIN;
  const bool error = occurs(rates_.index_error, Fault::kIndexError);
  if (error || (is_full() && full_room_ < length)) {
    opened->failed = true;
    excuses_.failed_calls += 1;
    if (starts_) count(error ? Fault::kStartWriteError : Fault::kStartFullDisk);
    return error ? -EIO : -ENOSPC;
  }
  if (length > 1 && occurs(rates_.short_write, Fault::kShortWrite)) length = random_.between(1, length - 1);
  const auto* from = static_cast<const std::uint8_t*>(bytes);
  change(*opened, {false, offset, Bytes(from, from + length)});
  return static_cast<int>(length);
}

int SimulatedDisk::sync_now(int file) {
  const auto& [name, opened] = open_.at(static_cast<std::size_t>(file));
  call("sync now", name);
  const bool fails = occurs(rates_.sync_error, Fault::kSyncError);
  secure(*opened, opened->changes.size(), fails);
  if (!fails) return 0;
  excuses_.failed_calls += 1;
  if (starts_) count(Fault::kStartSyncError);
  return -EIO;
}

void SimulatedDisk::secure(File& file, std::size_t count, bool fails) {
  const auto first = file.changes.begin();
  const auto last = first + static_cast<std::ptrdiff_t>(std::min(count, file.changes.size()));
  for (auto change = first; change != last; ++change) {
    if (fails) survive(file, *change, file.durable);
    if (!fails) apply(file.durable, *change);
  }
  file.changes.erase(first, last);
  file.dropped_pages |= fails;
  file.failed |= fails;
}

int SimulatedDisk::reserve(int file, std::uint64_t, std::uint64_t length) {
  const auto& [name, opened] = open_.at(static_cast<std::size_t>(file));
  call("reserve", name);
  if (is_full()) return -ENOSPC;
  if (occurs(rates_.reserve_refused, Fault::kReserveRefused)) return -EOPNOTSUPP;
  opened->reserved = length;
  return 0;
}

int SimulatedDisk::write_zeros(int file, std::uint64_t offset, std::uint64_t length) {
  const auto& [name, opened] = open_.at(static_cast<std::size_t>(file));
  call("zeros", name);
  if (occurs(rates_.interrupted, Fault::kInterrupted)) return -EINTR;
  if (is_full() && full_room_ < length) return -ENOSPC;
  if (occurs(rates_.index_error, Fault::kZerosRefused)) return -EIO;
  if (occurs(rates_.short_write, Fault::kShortWrite)) length = random_.between(1, length);
  change(*opened, {false, offset, Bytes(length)});
  return static_cast<int>(length);
}

int SimulatedDisk::truncate(int file, std::uint64_t length) {
  const auto& [name, opened] = open_.at(static_cast<std::size_t>(file));
  call("truncate", name);
  if (opened->reserved > 0 && opened->seen.empty()) count(Fault::kReserveReturned);
  if (fails(rates_.cut_error, Fault::kCutError)) return -EIO;
  // Room for whoever writes next.
  full_room_ += std::exchange(opened->reserved, 0);
  if (opened->seen.size() != length) change(*opened, {true, length, {}});
  return 0;
}

}  // namespace tickforge::testing
