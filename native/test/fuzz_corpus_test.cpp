// Every input that a fuzzer has found, and what it starts from, once more. A fuzzer ends the process when an invariant breaks.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" {
int fuzz_binary_frame(const std::uint8_t* data, std::size_t size);
int fuzz_block(const std::uint8_t* data, std::size_t size);
int fuzz_http(const std::uint8_t* data, std::size_t size);
int fuzz_index(const std::uint8_t* data, std::size_t size);
int fuzz_line(const std::uint8_t* data, std::size_t size);
}

namespace tickforge {
namespace {

using Fuzzer = int (*)(const std::uint8_t*, std::size_t);

int read_corpus(const char* name, Fuzzer fuzzer) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(TICKFORGE_CORPUS) + "/" + name)) {
    SCOPED_TRACE(entry.path().filename().string());
    std::ifstream file(entry.path(), std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(fuzzer(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()), 0);
    files += 1;
  }
  return files;
}

TEST(FuzzCorpus, HoldsNothingThatBreaksAnInvariantOfTheBinaryProtocol) {
  EXPECT_GT(read_corpus("binary_frame", fuzz_binary_frame), 0);
}
TEST(FuzzCorpus, HoldsNothingThatBreaksAnInvariantOfBlocks) { EXPECT_GT(read_corpus("block", fuzz_block), 0); }
TEST(FuzzCorpus, HoldsNothingThatBreaksAnInvariantOfHttp) { EXPECT_GT(read_corpus("http", fuzz_http), 0); }
TEST(FuzzCorpus, HoldsNothingThatBreaksAnInvariantOfTheIndex) { EXPECT_GT(read_corpus("index", fuzz_index), 0); }
TEST(FuzzCorpus, HoldsNothingThatBreaksAnInvariantOfLines) { EXPECT_GT(read_corpus("line", fuzz_line), 0); }

}  // namespace
}  // namespace tickforge
