// Time lookups of a SegmentReader (docs/FORMAT.md, "Time lookup").
//
// An index is believed where its blocks confirm it: at both sides of the place that a search ends at. Where times do
// not go back that is proof, whatever the entries between say: if the block before ends before T, so do all before it.
#include <algorithm>

#include "journal/block_walk.h"
#include "journal/file_window.h"
#include "journal/segment_reader.h"

namespace tickforge {
namespace {

/// Entries that one page of an index holds: no use in being cleverer within.
constexpr std::size_t kNear = 64;

/// Where `ts` lies between two times, if times grow evenly: in (low, high).
std::size_t guess_between(std::size_t low, std::int64_t low_ts, std::size_t high, std::int64_t high_ts,
                          std::int64_t ts) {
  const auto distance = [low_ts](std::int64_t to) {
    return static_cast<double>(static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(low_ts));
  };
  const double share = distance(ts) / distance(high_ts);
  const auto steps = static_cast<std::size_t>(share * static_cast<double>(high - low));
  return std::clamp(low + steps, low + 1, high - 1);
}

}  // namespace

/// First block with running_max_ts_recv >= ts, by the index alone; nothing when it does not hold where it was touched.
/// Interpolates, then feels its way from there in growing steps, so that few pages of the index are touched.
std::optional<std::size_t> SegmentReader::first_reaching(std::int64_t ts) {
  const std::size_t count = block_count();
  if (count == 0 || last_.running_max_ts_recv < ts) return count;
  const auto first = peek(0);
  if (!first) return std::nullopt;
  if (first->running_max_ts_recv >= ts) return 0;
  // Always: what is known of `low` is before ts, of `high` it is not.
  std::size_t low = 0;
  std::size_t high = count - 1;
  std::int64_t low_ts = first->running_max_ts_recv;
  std::int64_t high_ts = last_.running_max_ts_recv;
  const auto probe = [&](std::size_t at) -> std::optional<bool> {
    const auto entry = peek(at);
    if (!entry) return std::nullopt;
    const bool before = entry->running_max_ts_recv < ts;
    (before ? low : high) = at;
    (before ? low_ts : high_ts) = entry->running_max_ts_recv;
    return before;
  };
  while (high - low > 1) {
    const bool near = high - low <= kNear;
    const std::size_t guess = near ? low + (high - low) / 2 : guess_between(low, low_ts, high, high_ts, ts);
    const auto before = probe(guess);
    if (!before) return std::nullopt;
    for (std::size_t step = kNear / 2; !near && high - low > step; step *= 4) {
      const auto still = probe(*before ? low + step : high - step);
      if (!still) return std::nullopt;
      if (*still != *before) break;
    }
  }
  return high;
}

/// The header of the entry's block says what the entry says.
Result<bool> SegmentReader::confirm(const IndexEntry& entry) {
  BlockHeader header;
  auto read = read_fully(fd_.get(), path_, &header, sizeof header, entry.offset);
  if (!read) return read.error();
  return read.value() == sizeof header &&
         check_against_entry(header, info_.segment_id, entry) == BlockState::kWhole;
}

/// The entries of the blocks in front of and behind the start of `block` agree with them and with each other.
Result<bool> SegmentReader::confirm_edge(std::size_t block) {
  std::optional<IndexEntry> before;
  for (const std::size_t at : {block - 1, block}) {
    if (at >= block_count()) continue;  // also before the first one
    const auto entry = peek(at);
    if (!entry) return false;
    auto confirmed = confirm(*entry);
    if (!confirmed || !confirmed.value()) return confirmed;
    if (at == 0 || before) {
      if (!entry_holds(at == 0 ? nullptr : &*before, *entry)) return false;
    } else if (entry->record_count > 0 && entry->running_max_ts_recv < entry->max_ts_recv) {
      return false;
    }
    before = entry;
  }
  return true;
}

Result<std::optional<std::size_t>> SegmentReader::search(std::int64_t ts) {
  const auto found = first_reaching(ts);
  if (!found || derived_) return found;
  auto confirmed = confirm_edge(*found);
  if (!confirmed) return confirmed.error();
  return confirmed.value() ? found : std::nullopt;
}

Result<std::size_t> SegmentReader::find(std::int64_t ts) {
  while (true) {
    auto found = search(ts);
    if (!found) return found.error();
    if (found.value()) return *found.value();
    auto doubted = doubt();
    if (!doubted) return doubted.error();
  }
}

/// First block behind those from `first` on that can hold a record before `ts`.
Result<std::optional<std::size_t>> SegmentReader::search_end(std::size_t first, std::int64_t ts) {
  const std::size_t count = block_count();
  if (first >= count) return std::optional(count);
  const auto begin = peek(first);
  if (!begin) return std::optional<std::size_t>();
  std::size_t end = count;
  if (begin->back_steps == last_.back_steps) {
    // Times only increase from here on.
    for (std::size_t low = first; low < end;) {
      const std::size_t middle = low + (end - low) / 2;
      const auto entry = peek(middle);
      if (!entry) return std::optional<std::size_t>();
      if (entry->min_ts_recv >= ts) {
        end = middle;
      } else {
        low = middle + 1;
      }
    }
  } else {
    auto taken = take_whole_index();
    if (!taken) return taken.error();
    end = entries_.size();
    while (end > first && entries_[end - 1].min_ts_recv >= ts) end -= 1;
  }
  if (derived_) return std::optional(end);
  auto confirmed = confirm_edge(end);
  if (!confirmed) return confirmed.error();
  return confirmed.value() ? std::optional(end) : std::optional<std::size_t>();
}

Result<std::pair<std::size_t, std::size_t>> SegmentReader::range(std::int64_t from, std::int64_t to) {
  while (true) {
    auto first = find(from);
    if (!first) return first.error();
    const std::uint64_t generation = generation_;
    auto end = search_end(first.value(), to);
    if (!end) return end.error();
    if (end.value() && generation == generation_) {
      return std::pair(first.value(), std::max(first.value(), *end.value()));
    }
    if (end.value()) continue;
    auto doubted = doubt();
    if (!doubted) return doubted.error();
  }
}

Result<std::optional<PlacedRecord>> SegmentReader::first_at(std::int64_t ts) {
  auto found = find(ts);
  if (!found) return found.error();
  for (std::size_t block = found.value(); block < block_count(); ++block) {
    auto loaded = load(block, 0);
    if (!loaded) return loaded.error();
    BlockWindow& window = loaded.value();
    if (!window.damaged.empty()) continue;
    const std::size_t end = window.entries[1].length;
    for (std::size_t at = sizeof(BlockHeader); at < end;) {
      const auto& head = *reinterpret_cast<const RecordHead*>(window.bytes + at);
      if (head.ts_recv >= ts) return std::optional(PlacedRecord{block, std::move(window), at});
      at += head.cells * kCellBytes;
    }
  }
  return std::optional<PlacedRecord>();
}

}  // namespace tickforge
