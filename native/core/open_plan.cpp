#include "core/open_plan.h"

#include <algorithm>

#include "base/clock.h"
#include "format/loss_records.h"
#include "journal/segment_index.h"
#include "journal/segment_name.h"

namespace tickforge {
namespace {

/// For good: were it there again after a power cut, it would look as if a recorder had died behind the one to come.
Result<void> remove_segment(Storage& storage, const std::string& directory, const std::string& path) {
  // Without its segment nobody looks at it.
  (void)storage.remove(index_path_of(path));
  const int removed = storage.remove(path);
  if (removed < 0) return system_error("TF_IO", "removing the empty segment", path, -removed);
  const int synced = storage.sync_directory(directory);
  if (synced < 0) return system_error("TF_IO", "syncing the directory", directory, -synced);
  return {};
}

}  // namespace

Result<OpenPlan> plan_open(Storage& storage, const std::string& directory, const std::string& journal,
                           std::int64_t now) {
  std::vector<std::string> names;
  const int listed = storage.list(directory, names);
  if (listed < 0) return system_error("TF_IO", "listing", directory, -listed);
  std::vector<SegmentName> segments = segments_of(names, journal);

  OpenPlan plan;
  bool clean = true;
  while (!segments.empty()) {
    const std::string path = directory + "/" + segments.back().file_name();
    auto recovered = recover_segment(storage, path);
    if (!recovered) return recovered.error();
    plan.tail.bytes_read += recovered.value().bytes_read;
    plan.tail.torn_tail_bytes += recovered.value().torn_tail_bytes;
    if (recovered.value().next_block > 0) {
      recovered.value().bytes_read = plan.tail.bytes_read;
      recovered.value().torn_tail_bytes = plan.tail.torn_tail_bytes;
      plan.tail = recovered.take();
      plan.path = path;
      clean = clean && plan.tail.clean;
      break;
    }
    // Its recorder ended before the first block was whole: nothing in it, but something was going to be.
    clean = false;
    auto removed = remove_segment(storage, directory, path);
    if (!removed) return removed.error();
    segments.pop_back();
  }
  plan.tail.clean = clean;
  if (!plan.path.empty()) plan.newest_day = plan.tail.day;
  const bool goes_on = !plan.path.empty() && plan.tail.day >= day_of(now);
  const std::int64_t last = plan.tail.running_max_ts_recv;
  // Also on a later day: nobody recorded in between, and a recorder that died while it changed segments left one that
  // looks closed.
  if (!plan.path.empty() || !clean) {
    plan.gap = make_gap(clean ? GapCause::kStop : GapCause::kUncleanStop, last, std::max(now, last));
  }
  if (!goes_on) plan.path.clear();
  return plan;
}

}  // namespace tickforge
