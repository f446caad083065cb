// A client that speaks HTTP, more or less. Wherever its bytes are split, the same records and answers come of them.
#include <cstddef>
#include <cstdint>
#include <string>

#include "testing/protocol_run.h"

namespace {

using namespace tickforge;

constexpr std::size_t kBytesMax = 16 * 1024;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > kBytesMax) return 0;
  static testing::ProtocolWorld world(testing::small_options());
  // A request line that is right, so that what follows is read; or whatever is there.
  std::string stream;
  if ((data[1] & 1) != 0) stream = "POST /write HTTP/1.1\r\n";
  if ((data[1] & 2) != 0) stream += "Transfer-Encoding: chunked\r\n\r\n";
  stream.append(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(stream.data());
  world.reset();
  testing::ProtocolRun whole(world);
  whole.run(bytes, stream.size(), stream.size() + 1);
  testing::check_records(whole.cells());
  world.reset();
  testing::ProtocolRun pieces(world);
  pieces.run(bytes, stream.size(), 1 + data[0]);
  TF_ASSERT(pieces.cells() == whole.cells());
  TF_ASSERT(pieces.answers() == whole.answers());
  return 0;
}
