// Any bytes as the line protocol: parser, mapping and output. Checked beside what the sanitizers see: records hold what
// they say, every line becomes one, and it does not matter where the bytes are split.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "testing/line_run.h"

namespace {

using namespace tickforge;
using testing::LineRun;

constexpr std::size_t kBytesMax = 8192;

/// Small, so that the limits are met as well.
constexpr LineLimits kLimits{2048, 64};

/// One table of each kind: building the mapping is most of a run's time.
LineMapping short_mapping() {
  LineMapping mapping = default_line_mapping();
  std::erase_if(mapping.rules, [](const RowRule& rule) {
    return rule.table != "trades" && rule.table != "trades-{venue}" && rule.table != "ticker-{venue}" &&
           rule.table != "book";
  });
  return mapping;
}

void check_counts(const LineRun& run) {
  const LineCounts& counts = run.counts();
  TF_ASSERT(counts.lines == counts.trades + counts.quotes + counts.books + counts.unmapped + counts.unparseable +
                                counts.unrepresentable);
  TF_ASSERT(run.source.rows == counts.lines);
  TF_ASSERT(run.cells().empty() || !run.records().empty());
  TF_ASSERT(run.records(RecordType::kTrade).size() == counts.trades);
  TF_ASSERT(run.records(RecordType::kQuote).size() == counts.quotes);
  TF_ASSERT(run.records(RecordType::kInstrument).size() == counts.definitions);
}

/// Every record of an instrument stands behind its definition.
void check_definitions(const LineRun& run) {
  std::uint32_t defined = 0;
  for (const RecordHead* head : run.records()) {
    if (head->type == static_cast<std::uint8_t>(RecordType::kInstrument)) {
      TF_ASSERT(head->instrument == defined + 1);
      defined += 1;
    }
    TF_ASSERT(head->instrument <= defined);
    TF_ASSERT(head->ts_recv == testing::kRunTime);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > kBytesMax) return 0;
  const bool at_end = (data[0] & 1) != 0;
  const std::size_t piece = 1 + data[1];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  static const LineMapping mapping = short_mapping();

  LineRun whole(mapping, kLimits, 512);
  const FeedStatus status = whole.feed(bytes, 0, at_end);
  check_counts(whole);
  check_definitions(whole);
  for (const std::size_t length : {std::size_t{1}, piece}) {
    LineRun split(mapping, kLimits);
    TF_ASSERT(split.feed(bytes, length, at_end) == status);
    TF_ASSERT(split.cells() == whole.cells());
    TF_ASSERT(status == FeedStatus::kTooLong || split.rest() == whole.rest());
  }
  return 0;
}
