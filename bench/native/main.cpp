// The native side of the benchmarks: `tickforge_bench NAME key=value ...` measures one thing and prints it as a line of
// JSON. bench/figures says what belongs beside what.
#include <cstring>
#include <utility>

#include "programs.h"

namespace {

using tickforge::bench::Options;
using tickforge::bench::Report;

constexpr std::pair<const char*, Report (*)(Options&)> kPrograms[] = {
    {"raw-sequential", tickforge::bench::raw_sequential},
    {"raw-each-record", tickforge::bench::raw_each_record},
    {"raw-overwrite", tickforge::bench::raw_overwrite},
    {"raw-visible", tickforge::bench::raw_visible},
    {"raw-memchr", tickforge::bench::raw_memchr},
    {"sink-server", tickforge::bench::sink_server},
    {"sender", tickforge::bench::sender},
    {"durable-rate", tickforge::bench::durable_rate},
    {"durable-latency", tickforge::bench::durable_latency},
    {"tail-visible", tickforge::bench::tail_visible},
    {"ingest-server", tickforge::bench::ingest_server},
    {"line-rows", tickforge::bench::line_rows},
    {"day-fill", tickforge::bench::day_fill},
    {"day-find", tickforge::bench::day_find},
    {"day-recover", tickforge::bench::day_recover},
    {"ring-push", tickforge::bench::ring_push},
    {"reference-push", tickforge::bench::reference_push},
};

}  // namespace

int main(int count, char** words) {
  for (const auto& [name, run] : kPrograms) {
    if (count < 2 || std::strcmp(words[1], name) != 0) continue;
    Options options(count - 2, words + 2);
    Report report = run(options);
    tickforge::bench::add_whole_cpu(report);
    report.print();
    return 0;
  }
  std::fprintf(stderr, "usage: tickforge_bench NAME key=value ...; NAME is one of:\n");
  for (const auto& [name, run] : kPrograms) std::fprintf(stderr, "  %s\n", name);
  return 2;
}
