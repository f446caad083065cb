#include "journal/pending_segments.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <string_view>

#include "journal/segment_name.h"

namespace tickforge {
namespace {

constexpr std::string_view kSuffix = ".pending";

bool is_pending_file(std::string_view name) {
  return name.ends_with(kSuffix) && is_journal_name(name.substr(0, name.size() - kSuffix.size()));
}

}  // namespace

void remove_pending(const std::string& directory, std::vector<std::string>& names) {
  std::set<std::string, std::less<>> pending;
  for (const std::string& name : names) {
    if (!is_pending_file(name)) continue;
    std::ifstream file(directory + "/" + name);
    for (std::string line; std::getline(file, line);) pending.insert(line);
  }
  if (pending.empty()) return;
  std::erase_if(names, [&](const std::string& name) { return pending.contains(name); });
}

}  // namespace tickforge
