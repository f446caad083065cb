#include "journal/space_reserve.h"

#include <cerrno>
#include <utility>

namespace tickforge {

std::string reserve_path(const std::string& directory, const std::string& journal) {
  return directory + "/" + journal + ".reserve";
}

SpaceReserve::~SpaceReserve() {
  if (file_ >= 0) storage_.close(file_);
}

void SpaceReserve::set_aside(const std::string& path, std::uint64_t bytes) {
  if (file_ < 0) file_ = storage_.create(path);
  if (file_ == -EEXIST) file_ = storage_.open(path);
  if (file_ < 0) return;
  if (storage_.reserve(file_, 0, bytes) >= 0) {
    bytes_ = bytes;
  } else {
    // Part of it may have been set aside, for which others have better use.
    (void)storage_.truncate(file_, bytes_);
  }
}

bool SpaceReserve::give_back() {
  return std::exchange(bytes_, 0) > 0 && storage_.truncate(file_, 0) >= 0;
}

}  // namespace tickforge
