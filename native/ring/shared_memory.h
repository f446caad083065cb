// Memory that several processes map: files on a tmpfs, whose pages are all there before anybody maps them.
#pragma once

#include <cstddef>
#include <string>

#include "base/error.h"
#include "base/mapped_region.h"
#include "base/unique_fd.h"

namespace tickforge {

/// Directory for the shared memory of one journal: <base>/tickforge-<device>-<inode>-<journal>, from the identity of the
/// data directory, so that every process finds it by the name that it knows. `base` is $TICKFORGE_SHM, or /dev/shm.
/// Errors: TF_NO_DIRECTORY when there is no data directory.
Result<std::string> shared_directory_of(const std::string& data_directory, const std::string& journal);

/// Makes a file of `bytes`, set aside at once: a page that is missing later would be a SIGBUS. An empty path makes
/// private memory. Errors: TF_SHARED_MEMORY.
Result<UniqueFd> create_shared(const std::string& path, std::size_t bytes);

enum class Access { kRead, kReadWrite };

/// Maps `length` bytes of a file from `offset` on. Errors: TF_SHARED_MEMORY.
Result<MappedRegion> map_shared(const UniqueFd& file, std::size_t offset, std::size_t length, Access access,
                                const std::string& path);

/// Makes the directory with mode 0700 and removes what an earlier process left in it. Errors: TF_SHARED_MEMORY.
Result<void> begin_shared_directory(const std::string& path);
/// Removes the directory with its files; mappings of others stay valid.
void remove_shared_directory(const std::string& path);

}  // namespace tickforge
