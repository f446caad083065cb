#include "journal/storage_files.h"

#include <algorithm>

namespace tickforge {

Error write_error(const char* doing, const std::string& path, int number) {
  return system_error(number == ENOSPC || number == EDQUOT ? "TF_DISK_FULL" : "TF_IO", doing, path, number);
}

int create_anew(Storage& storage, const std::string& path) {
  const int created = storage.create(path);
  if (created != -EEXIST) return created;
  const int file = storage.open(path);
  const int cut = file < 0 ? file : storage.truncate(file, 0);
  if (file >= 0 && cut < 0) (void)storage.close(file);
  return cut < 0 ? cut : file;
}

Result<void> write_fully(Storage& storage, int file, const std::string& path, const void* bytes, std::size_t length,
                         std::uint64_t offset) {
  int attempts = 0;
  for (std::size_t done = 0; done < length;) {
    const auto* rest = static_cast<const std::uint8_t*>(bytes) + done;
    const int count = storage.write_now(file, rest, length - done, offset + done);
    if (is_interrupted(count) && ++attempts < kAttemptsMax) continue;
    if (count <= 0) return write_error("writing", path, count < 0 ? -count : EIO);
    done += static_cast<std::size_t>(count);
    attempts = 0;
  }
  return {};
}

Result<void> sync_file(Storage& storage, int file, const std::string& path) {
  const int synced = storage.sync_now(file);
  if (synced < 0) return system_error("TF_IO", "syncing", path, -synced);
  return {};
}

Result<void> sync_directory_of(Storage& storage, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
  const int synced = storage.sync_directory(directory);
  if (synced < 0) return system_error("TF_IO", "syncing directory", directory, -synced);
  return {};
}

}  // namespace tickforge
