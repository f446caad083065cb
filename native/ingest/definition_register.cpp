#include "ingest/definition_register.h"

#include <cstring>

#include "format/record.h"

namespace tickforge {

DefinitionRegister::Number DefinitionRegister::number_of(const std::uint8_t* record, std::size_t bytes) {
  std::string content(reinterpret_cast<const char*>(record) + sizeof(RecordHead), bytes - sizeof(RecordHead));
  content.append(reinterpret_cast<const char*>(record) + offsetof(RecordHead, flags), sizeof(RecordHead::flags));
  const auto known = numbers_.find(content);
  if (known != numbers_.end()) return {known->second, false};
  if (numbers_.size() >= max_) return {};
  const std::uint32_t number = table_.claim_instrument();
  fresh_.push_back(content);
  numbers_.emplace(std::move(content), number);
  return {number, true};
}

void DefinitionRegister::rollback() {
  // The claimed numbers stay unused: there are enough, and others may have claimed since.
  for (const std::string& content : fresh_) numbers_.erase(content);
  fresh_.clear();
}

}  // namespace tickforge
