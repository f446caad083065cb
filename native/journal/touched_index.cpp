#include "journal/touched_index.h"


#include <algorithm>
#include <cstring>

#include "base/own_file.h"
#include "journal/file_window.h"
#include "journal/segment_index.h"

namespace tickforge {
namespace {

/// A lookup touches fewer; what is touched again (both ends, the last place) stays.
constexpr std::size_t kPagesKept = 16;

}  // namespace

Result<std::optional<TouchedIndex>> TouchedIndex::open(const std::string& segment_path) {
  const std::string path = index_path_of(segment_path);
  UniqueFd fd = open_for_reading(path);
  if (!fd) return std::optional<TouchedIndex>();
  auto bytes = size_of_file(fd.get(), path);
  if (!bytes) return std::optional<TouchedIndex>();
  if (bytes.value() <= sizeof(IndexHeader) || bytes.value() % sizeof(IndexEntry) != 0) {
    return std::optional<TouchedIndex>();
  }
  TouchedIndex index(std::move(fd));
  const std::uint8_t* header = index.read(0);
  if (header == nullptr) return std::optional<TouchedIndex>();
  IndexHeader copy;
  std::memcpy(&copy, header, sizeof copy);
  if (!index_header_holds(copy)) return std::optional<TouchedIndex>();
  index.segment_id_ = copy.segment_id;
  index.size_ = static_cast<std::size_t>((bytes.value() - sizeof(IndexHeader)) / sizeof(IndexEntry));
  if (!index.at(index.size_ - 1)) return std::optional<TouchedIndex>();
  return std::optional<TouchedIndex>(std::move(index));
}

std::optional<IndexEntry> TouchedIndex::at(std::size_t i) {
  const std::uint8_t* bytes = read(sizeof(IndexHeader) + i * sizeof(IndexEntry));
  if (bytes == nullptr) return std::nullopt;
  IndexEntry entry;
  std::memcpy(&entry, bytes, sizeof entry);
  const bool holds = entry_is_whole(entry) && !is_missing(entry) && entry.offset % kBlockAlign == 0 &&
                     entry.block_number == static_cast<std::uint32_t>(i);
  return holds ? std::optional(entry) : std::nullopt;
}

const std::uint8_t* TouchedIndex::read(std::uint64_t offset) {
  const std::uint64_t number = offset / sizeof(Page::bytes);
  const std::size_t within = offset % sizeof(Page::bytes);
  const auto known =
      std::find_if(pages_.begin(), pages_.end(), [number](const auto& page) { return page->number == number; });
  Page* page = known == pages_.end() ? nullptr : known->get();
  if (page == nullptr) {
    if (pages_.size() < kPagesKept) {
      page = pages_.emplace_back(std::make_unique<Page>()).get();
    } else {
      page = pages_[oldest_++ % kPagesKept].get();
    }
    page->number = number;
    auto length = read_fully(fd_.get(), "", page->bytes.data(), page->bytes.size(), number * sizeof(Page::bytes));
    // Whoever reads the whole index instead reports the error.
    page->length = length ? length.value() : 0;
  }
  return within + sizeof(IndexEntry) <= page->length ? page->bytes.data() + within : nullptr;
}

}  // namespace tickforge
