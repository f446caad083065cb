#include "ingest/client_numbers.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace tickforge {

ClientNumbers::~ClientNumbers() {
  rollback();
  for (const Open& open : open_) table_.free_connection(open.number);
}

void ClientNumbers::define(std::uint32_t local, std::uint32_t number) {
  TF_ASSERT(local >= 1 && local <= instruments_max_);
  if (local >= instruments_.size()) instruments_.resize(local + 1);
  changes_.push_back({Change::Kind::kDefined, local, instruments_[local], {}});
  instruments_[local] = number;
}

std::uint16_t ClientNumbers::open(std::uint16_t local, std::string venue) {
  TF_ASSERT(local != 0);
  // An open record begins anew, whatever its number stood for.
  if (connection(local) != 0) return connection(local);
  if (open_.size() >= connections_max_) return 0;
  const std::uint16_t number = table_.claim_connection();
  if (number == 0) return 0;
  if (local >= connections_.size()) connections_.resize(std::size_t{local} + 1);
  connections_[local] = number;
  open_.push_back({local, number, std::move(venue)});
  changes_.push_back({Change::Kind::kOpened, local, number, {}});
  return number;
}

void ClientNumbers::close(std::uint16_t local) {
  const auto at = std::find_if(open_.begin(), open_.end(), [local](const Open& open) { return open.local == local; });
  TF_ASSERT(at != open_.end());
  changes_.push_back({Change::Kind::kClosed, local, at->number, std::move(at->venue)});
  connections_[local] = 0;
  open_.erase(at);
}

void ClientNumbers::commit() {
  // Only now may others have the number: in the journal its close record comes first.
  for (const Change& change : changes_) {
    if (change.kind == Change::Kind::kClosed) table_.free_connection(static_cast<std::uint16_t>(change.before));
  }
  changes_.clear();
}

void ClientNumbers::rollback() {
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
    const auto local = static_cast<std::uint16_t>(change->local);
    const auto number = static_cast<std::uint16_t>(change->before);
    switch (change->kind) {
      case Change::Kind::kDefined:
        instruments_[change->local] = change->before;
        break;
      case Change::Kind::kOpened:
        connections_[local] = 0;
        std::erase_if(open_, [local](const Open& open) { return open.local == local; });
        table_.free_connection(number);
        break;
      case Change::Kind::kClosed:
        connections_[local] = number;
        open_.push_back({local, number, std::move(change->venue)});
        break;
    }
  }
  changes_.clear();
}

}  // namespace tickforge
