// The producer table as other processes than its writer's find it. The writer holds a lock of the file as long as it lives,
// however it ends: that, not a process number, tells whether anybody records.
#pragma once

#include <string>

#include "base/error.h"
#include "base/mapped_region.h"
#include "base/unique_fd.h"
#include "ring/producer_table.h"

namespace tickforge {

inline constexpr std::size_t kTableBytes = (sizeof(ProducerTable) + 4095) / 4096 * 4096;

std::string table_path(const std::string& shared_directory);
/// Takes the lock for the writer; false when another one has it. Ends with the file.
bool lock_for_writer(const UniqueFd& table);

class SharedTable {
 public:
  SharedTable() = default;
  /// Errors: TF_NOT_RECORDING when nobody records, be the last recorder killed or at its end; TF_SHARED_MEMORY.
  static Result<SharedTable> open(const std::string& shared_directory);

  ProducerTable* get() const { return table_; }
  ProducerTable* operator->() const { return table_; }
  explicit operator bool() const { return table_ != nullptr; }
  /// The writer has stopped, as it says itself.
  bool writer_has_stopped() const { return table_->ended.load(std::memory_order_acquire) != 0; }
  /// The writer has stopped or was killed. A system call: not for every look.
  bool writer_is_gone() const;

 private:
  SharedTable(UniqueFd file, MappedRegion memory);

  UniqueFd file_;
  MappedRegion memory_;
  ProducerTable* table_ = nullptr;
};

}  // namespace tickforge
