// What lies under our names and is no file: readers say so and do not wait for it.
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string_view>

#include "base/own_file.h"
#include "journal/posix_storage.h"
#include "journal/segment_index.h"
#include "journal/segment_parts.h"
#include "journal/segment_reader.h"
#include "journal/segment_scan.h"
#include "journal/touched_index.h"
#include "ring/shared_table.h"
#include "ring/spsc_ring.h"
#include "tail/control_page_file.h"
#include "tail/segment_cursor.h"
#include "testing/segment_builder.h"

namespace tickforge::testing {
namespace {

struct Odd {
  const char* name;
  int number;  // errno of what is opened without following links
  std::function<void(const std::string&)> make;
};

void make_socket(const std::string& path) {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
}

const std::vector<Odd>& odd_files() {
  static const std::vector<Odd> files{
      {"FIFO", ESPIPE, [](const std::string& path) { ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0); }},
      {"directory", EISDIR, [](const std::string& path) { std::filesystem::create_directory(path); }},
      {"socket", ESPIPE, make_socket},
      {"link to nothing", ELOOP, [](const std::string& path) { std::filesystem::create_symlink("nothing", path); }},
      {"link to a device", ELOOP, [](const std::string& path) { std::filesystem::create_symlink("/dev/zero", path); }},
      {"link to itself", ELOOP, [](const std::string& path) { std::filesystem::create_symlink(path, path); }},
  };
  return files;
}

class OddFilesTest : public ::testing::Test {
 protected:
  template <typename Opened>
  static void expect_refused(const Opened& opened, const std::string& path, const std::string& what) {
    ASSERT_FALSE(opened) << what;
    EXPECT_EQ(opened.error().path, path) << what;
    EXPECT_NE(opened.error().message.find(path), std::string::npos) << what;
    EXPECT_EQ(opened.error().code.rfind("TF_", 0), 0u) << what;
  }
  TempDir directory_;
};

TEST_F(OddFilesTest, AreNoSegments) {
  const std::string path = directory_.file(kSegmentFile);
  for (const Odd& odd : odd_files()) {
    odd.make(path);
    expect_refused(SegmentReader::open(path), path, odd.name);
    expect_refused(scan_segment(path), path, odd.name);
    expect_refused(SegmentCursor::open(path), path, odd.name);
    (void)limit_of_part_before(path);
    std::filesystem::remove_all(path);
  }
}

TEST_F(OddFilesTest, AreNoIndexes) {
  const std::string path = directory_.file(kSegmentFile);
  write_file(path, sample_segment(3).file());
  for (const Odd& odd : odd_files()) {
    odd.make(index_path_of(path));
    auto index = read_index(path);
    ASSERT_TRUE(index) << odd.name;
    // What is there and cannot be read is a finding; what is not there is none.
    EXPECT_EQ(index.value().exists, std::string_view(odd.name) != "link to nothing") << odd.name;
    auto touched = TouchedIndex::open(path);
    ASSERT_TRUE(touched) << odd.name;
    EXPECT_FALSE(touched.value()) << odd.name;
    auto reader = SegmentReader::open(path);
    ASSERT_TRUE(reader) << odd.name;
    EXPECT_EQ(reader.value().index().size(), 3u) << "made from the segment";
    std::filesystem::remove_all(index_path_of(path));
  }
}

TEST_F(OddFilesTest, AreNoControlPages) {
  for (const Odd& odd : odd_files()) {
    odd.make(directory_.file("test.tfc"));
    EXPECT_FALSE(ControlPageFile(directory_.file(""), "test").read_live()) << odd.name;
    std::filesystem::remove_all(directory_.file("test.tfc"));
  }
}

TEST_F(OddFilesTest, AreNoSharedMemory) {
  for (const Odd& odd : odd_files()) {
    const std::string table = table_path(directory_.file(""));
    odd.make(table);
    expect_refused(SharedTable::open(directory_.file("")), table, odd.name);
    std::filesystem::remove_all(table);
    odd.make(directory_.file("ring"));
    expect_refused(SpscRing::open(directory_.file("ring"), Access::kReadWrite), directory_.file("ring"), odd.name);
    std::filesystem::remove_all(directory_.file("ring"));
  }
}

TEST_F(OddFilesTest, AreNotOpenedByAWriterNorIsALinkToAFile) {
  const std::string path = directory_.file("one");
  write_file(directory_.file("other"), Bytes(10, 1));
  PosixStorage storage(WritePath::kPageCache);
  for (const Odd& odd : odd_files()) {
    odd.make(path);
    EXPECT_EQ(storage.open(path), -odd.number) << odd.name;
    EXPECT_EQ(storage.create(path), -EEXIST) << odd.name;
    std::filesystem::remove_all(path);
  }
  std::filesystem::create_symlink(directory_.file("other"), path);
  EXPECT_EQ(storage.open(path), -ELOOP);
  EXPECT_EQ(storage.create(path), -EEXIST);
  EXPECT_EQ(read_file(directory_.file("other")), Bytes(10, 1));
}

TEST_F(OddFilesTest, LeaveLinksToFilesForReaders) {
  const std::string path = directory_.file(kSegmentFile);
  std::filesystem::create_directory(directory_.file("disk"));
  write_file(directory_.file("disk/day"), sample_segment(3).file());
  std::filesystem::create_symlink("disk/day", path);
  auto reader = SegmentReader::open(path);
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(reader.value().index().size(), 3u);
  auto scan = scan_segment(path);
  ASSERT_TRUE(scan);
  EXPECT_TRUE(SegmentCursor::open(path));
}

TEST_F(OddFilesTest, AreOwnFilesWithTheModeThatTheUmaskLeaves) {
  const mode_t before = ::umask(0);
  struct stat status{};
  PosixStorage storage(WritePath::kPageCache);
  for (const auto& [mask, mode] : {std::pair<mode_t, mode_t>{0, 0640}, {022, 0640}, {077, 0600}}) {
    ::umask(mask);
    const std::string path = directory_.file("mode");
    const int file = storage.create(path);
    ASSERT_GE(file, 0);
    storage.close(file);
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, mode);
    std::filesystem::remove(path);
  }
  ::umask(before);
}

}  // namespace
}  // namespace tickforge::testing
