// One recorder a directory.
#pragma once

#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace tickforge {

inline constexpr const char* kLockFileName = "tickforge.lock";

/// Makes the directory if it is missing (its parent must exist). Errors: TF_NO_DIRECTORY, TF_FOREIGN_DIRECTORY when the
/// path is something else, TF_IO.
Result<void> prepare_directory(const std::string& directory);

/// Exclusive lock that lasts as long as this object and ends with the process, whatever way it ends.
class DirectoryLock {
 public:
  /// Errors: TF_LOCKED with the process that holds it, TF_IO.
  static Result<DirectoryLock> acquire(const std::string& directory);

 private:
  explicit DirectoryLock(UniqueFd file) : file_(std::move(file)) {}
  UniqueFd file_;
};

}  // namespace tickforge
