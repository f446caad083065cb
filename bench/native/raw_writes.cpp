// What the disk does for a program that does nothing else: the limits of the durable figures.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/unique_fd.h"
#include "programs.h"

namespace tickforge::bench {
namespace {

constexpr std::size_t kSector = 4096;
constexpr std::uint64_t kAhead = std::uint64_t{1} << 30;
constexpr std::uint64_t kOverwritten = std::uint64_t{64} << 20;

std::string why(const char* doing) { return std::string(doing) + ": " + std::strerror(errno); }

/// Memory that is not all zero, so that no layer below can take a short cut; aligned for O_DIRECT.
struct Free {
  void operator()(std::uint8_t* memory) const { std::free(memory); }
};
std::unique_ptr<std::uint8_t, Free> prepared_memory(std::size_t bytes) {
  auto* memory = static_cast<std::uint8_t*>(std::aligned_alloc(kSector, bytes));
  expect(memory != nullptr, "no memory");
  for (std::size_t i = 0; i < bytes; ++i) memory[i] = static_cast<std::uint8_t>(i * 167 >> 3);
  return std::unique_ptr<std::uint8_t, Free>(memory);
}

UniqueFd create(const std::string& path, bool direct) {
  UniqueFd file(::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | (direct ? O_DIRECT : 0), 0644));
  expect(static_cast<bool>(file), why(("making " + path).c_str()));
  return file;
}

void write_whole(int file, const std::uint8_t* bytes, std::size_t size, std::uint64_t offset) {
  for (std::size_t done = 0; done < size;) {
    const ssize_t now = ::pwrite(file, bytes + done, size - done, static_cast<off_t>(offset + done));
    expect(now > 0, why("pwrite"));
    done += static_cast<std::size_t>(now);
  }
}

void sync(int file) { expect(::fdatasync(file) == 0, why("fdatasync")); }

}  // namespace

Report raw_sequential(Options& options) {
  const std::string path = options.text("path");
  const std::size_t size = options.count("size", 1 << 20);
  const double seconds = options.number("seconds", 1);
  const UniqueFd file = create(path, options.count("direct", 0) != 0);
  options.done();
  const auto memory = prepared_memory(size);
  std::uint64_t written = 0;
  std::uint64_t reserved = 0;
  const Stopwatch watch;
  while (watch.seconds() < seconds) {
    // As our writer does: space is set aside ahead of the writes, where the file system can.
    if (written + size > reserved) {
      (void)::fallocate(file.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(reserved), static_cast<off_t>(kAhead));
      reserved += kAhead;
    }
    write_whole(file.get(), memory.get(), size, written);
    sync(file.get());
    written += size;
  }
  Report report;
  watch.add_to(report);
  expect(::lseek(file.get(), 0, SEEK_END) == static_cast<off_t>(written), "the file is not as long as what was written");
  return report.add("count", written / 64).add("bytes", written);
}

Report raw_each_record(Options& options) {
  const std::string path = options.text("path");
  const double seconds = options.number("seconds", 1);
  options.done();
  constexpr std::size_t kRecord = 64;
  const UniqueFd file = create(path, false);
  (void)::fallocate(file.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(kAhead));
  const auto memory = prepared_memory(kSector);
  std::uint64_t records = 0;
  const Stopwatch watch;
  for (; watch.seconds() < seconds; ++records) {
    write_whole(file.get(), memory.get(), kRecord, records * kRecord);
    sync(file.get());
  }
  Report report;
  watch.add_to(report);
  return report.add("count", records);
}

Report raw_overwrite(Options& options) {
  const std::string path = options.text("path");
  const double seconds = options.number("seconds", 1);
  const UniqueFd file = create(path, options.count("direct", 0) != 0);
  options.done();
  constexpr std::size_t kChunk = std::size_t{1} << 20;
  const auto memory = prepared_memory(kChunk);
  for (std::uint64_t at = 0; at < kOverwritten; at += kChunk) write_whole(file.get(), memory.get(), kChunk, at);
  expect(::fsync(file.get()) == 0, why("fsync"));
  Samples samples(1 << 20);
  const Stopwatch watch;
  for (std::uint64_t at = 0; watch.seconds() < seconds; at = (at + kSector) % kOverwritten) {
    const std::int64_t start = monotonic_ns();
    write_whole(file.get(), memory.get() + at % kChunk, kSector, at);
    sync(file.get());
    samples.keep(monotonic_ns() - start);
  }
  Report report;
  watch.add_to(report);
  samples.add_to(report, 1000);
  return report.add("count", std::uint64_t{samples.count()});
}

}  // namespace tickforge::bench
