#include "ring/shared_table.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "base/own_file.h"
#include "ring/shared_memory.h"

namespace tickforge {
namespace {

/// A shared lock, so that those who look at the same time do not take each other for the writer.
bool has_writer(const UniqueFd& table) {
  if (::flock(table.get(), LOCK_SH | LOCK_NB) != 0) return true;
  ::flock(table.get(), LOCK_UN);
  return false;
}

Error of_another_version(const std::string& path) {
  return Error{"TF_SHARED_MEMORY", "'" + path + "' is not of this version", path, 0};
}

}  // namespace

std::string table_path(const std::string& shared_directory) { return shared_directory + "/producers"; }

bool lock_for_writer(const UniqueFd& table) { return ::flock(table.get(), LOCK_EX | LOCK_NB) == 0; }

Result<SharedTable> SharedTable::open(const std::string& shared_directory) {
  const std::string path = table_path(shared_directory);
  UniqueFd file = open_own_file(path.c_str(), O_RDWR);
  if (!file) {
    const char* code = errno == ENOENT ? "TF_NOT_RECORDING" : "TF_SHARED_MEMORY";
    return system_error(code, "finding the journal's shared memory", path, errno);
  }
  if (!has_writer(file)) return Error{"TF_NOT_RECORDING", "the recorder of '" + path + "' was killed", path, 0};
  struct stat status{};
  const bool sized = ::fstat(file.get(), &status) == 0 && static_cast<std::size_t>(status.st_size) == kTableBytes;
  if (!sized) return of_another_version(path);
  auto memory = map_shared(file, 0, kTableBytes, Access::kReadWrite, path);
  if (!memory) return memory.error();
  SharedTable table(std::move(file), memory.take());
  if (table->magic != ProducerTable::kMagic || table->version != ProducerTable::kVersion) {
    return of_another_version(path);
  }
  if (table.writer_has_stopped()) {
    return Error{"TF_NOT_RECORDING", "the recorder of '" + path + "' has stopped", path, 0};
  }
  return table;
}

SharedTable::SharedTable(UniqueFd file, MappedRegion memory)
    : file_(std::move(file)), memory_(std::move(memory)), table_(reinterpret_cast<ProducerTable*>(memory_.data())) {}

bool SharedTable::writer_is_gone() const { return writer_has_stopped() || !has_writer(file_); }

}  // namespace tickforge
