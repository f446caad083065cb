// Disk space that is kept back for the end: with it a recorder that is stopped on a full disk still writes what its rings
// hold, and closes its segment in order.
#pragma once

#include <cstdint>
#include <string>

#include "journal/storage.h"

namespace tickforge {

/// Path of a journal's reserve.
std::string reserve_path(const std::string& directory, const std::string& journal);

class SpaceReserve {
 public:
  explicit SpaceReserve(Storage& storage) : storage_(storage) {}
  SpaceReserve(const SpaceReserve&) = delete;
  SpaceReserve& operator=(const SpaceReserve&) = delete;
  ~SpaceReserve();

  /// Sets space aside, or takes over what an earlier recorder left. Called again with more, it grows. Without space for it
  /// nothing is wrong: bytes() stays as it is.
  void set_aside(const std::string& path, std::uint64_t bytes);
  /// What is held.
  std::uint64_t bytes() const { return bytes_; }
  /// Gives the space back. False when there is none.
  bool give_back();

 private:
  Storage& storage_;
  int file_ = -1;
  std::uint64_t bytes_ = 0;
};

}  // namespace tickforge
