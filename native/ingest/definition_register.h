// Journal-wide numbers for the instrument definitions of clients: the same content gets the same number, so that a
// client that connects anew does not fill the journal with copies of its definitions.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "ring/producer_table.h"

namespace tickforge {

/// One thread's. Bounded: the journal's writer keeps every definition too, to copy it into new segments.
class DefinitionRegister {
 public:
  DefinitionRegister(ProducerTable& table, std::uint32_t definitions_max) : table_(table), max_(definitions_max) {}

  struct Number {
    std::uint32_t number = 0;  // 0: there are too many definitions
    bool is_new = false;       // the record must be written
  };
  /// Number of a definition whose record is `bytes` long, head included. New ones are forgotten again by rollback(),
  /// until commit().
  Number number_of(const std::uint8_t* record, std::size_t bytes);
  void commit() { fresh_.clear(); }
  void rollback();

  std::size_t size() const { return numbers_.size(); }

 private:
  ProducerTable& table_;
  std::size_t max_;
  std::unordered_map<std::string, std::uint32_t> numbers_;  // by what stands behind the head, and the flags
  std::vector<std::string> fresh_;
};

}  // namespace tickforge
