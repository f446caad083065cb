// Runs the simulation for many seeds: tickforge_simulation [--seeds N] [--from S] [--trace]
//
// Prints how often each fault occurred. Ends with 1 at the first seed that breaks a promise, with what happened before.
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "testing/simulation.h"

namespace {

using tickforge::testing::Fault;
using tickforge::testing::SimulationResult;

struct Arguments {
  std::uint64_t seeds = 1000;
  std::uint64_t from = 1;
  bool trace = false;
};

bool read_number(const char* text, std::uint64_t& number) {
  char* end = nullptr;
  number = std::strtoull(text, &end, 10);
  return *text >= '0' && *text <= '9' && *end == '\0';
}

bool read_arguments(int count, char** values, Arguments& arguments) {
  for (int i = 1; i < count; ++i) {
    const bool last = i + 1 == count;
    if (std::strcmp(values[i], "--trace") == 0) {
      arguments.trace = true;
    } else if (std::strcmp(values[i], "--seeds") == 0 && !last) {
      if (!read_number(values[++i], arguments.seeds)) return false;
    } else if (std::strcmp(values[i], "--from") == 0 && !last) {
      if (!read_number(values[++i], arguments.from)) return false;
    } else {
      return false;
    }
  }
  return true;
}

void print_trace(const SimulationResult& result) {
  for (const std::string& line : result.trace) std::printf("%s\n", line.c_str());
}

}  // namespace

int main(int count, char** values) {
  Arguments arguments;
  if (!read_arguments(count, values, arguments)) {
    std::fprintf(stderr, "usage: tickforge_simulation [--seeds N] [--from S] [--trace]\n");
    return 2;
  }
  const auto started = std::chrono::steady_clock::now();
  SimulationResult total;
  std::uint64_t failed = 0;
  std::uint64_t done = 0;
  for (; done < arguments.seeds && failed == 0; ++done) {
    const std::uint64_t seed = arguments.from + done;
    const SimulationResult result = tickforge::testing::simulate(seed);
    for (std::size_t i = 0; i < total.faults.size(); ++i) total.faults[i] += result.faults[i];
    total.lives += result.lives;
    total.records += result.records;
    total.acknowledged += result.acknowledged;
    total.marks += result.marks;
    if (arguments.trace || result.violation) print_trace(result);
    if (!result.violation) continue;
    failed += 1;
    std::printf("seed %" PRIu64 " breaks a promise: %s\n", seed, result.violation->c_str());
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  std::printf("%" PRIu64 " seeds, %" PRIu64 " lives, %" PRIu64 " records produced, %" PRIu64
              " acknowledged as durable, %" PRIu64 " marks; %.0f seeds/s; %" PRIu64
              " violations\n",
              done, total.lives, total.records, total.acknowledged, total.marks, static_cast<double>(done) / seconds, failed);
  for (std::size_t i = 0; i < total.faults.size(); ++i) {
    std::printf("%12" PRIu64 "  %s\n", total.faults[i], std::string(to_string(static_cast<Fault>(i))).c_str());
  }
  return failed == 0 ? 0 : 1;
}
