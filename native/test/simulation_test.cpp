#include "testing/simulation.h"

#include <gtest/gtest.h>

namespace tickforge::testing {
namespace {

TEST(SimulationTest, KeepsEveryPromiseWhateverTheDiskDoes) {
  constexpr std::uint64_t kSeeds = 1000;
  FaultCounts occurred{};
  std::uint64_t acknowledged = 0;
  std::uint64_t marks = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const SimulationResult result = simulate(seed);
    ASSERT_FALSE(result.violation) << "seed " << seed << ": " << *result.violation;
    acknowledged += result.acknowledged;
    marks += result.marks;
    for (std::size_t i = 0; i < occurred.size(); ++i) occurred[i] += result.faults[i];
  }
  EXPECT_GT(acknowledged, 1000 * kSeeds / 10);
  EXPECT_GT(marks, kSeeds);
  for (std::size_t i = 0; i < occurred.size(); ++i) {
    EXPECT_GT(occurred[i], 0U) << "never occurred: " << to_string(static_cast<Fault>(i));
  }
}

TEST(SimulationTest, RepeatsARunExactly) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const SimulationResult first = simulate(seed);
    const SimulationResult second = simulate(seed);
    EXPECT_EQ(first.digest, second.digest);
    EXPECT_EQ(first.trace, second.trace);
    EXPECT_EQ(first.faults, second.faults);
  }
  EXPECT_NE(simulate(1).digest, simulate(2).digest);
}

struct BrokenWriter {
  Defect defect;
  const char* name;
  /// What the oracle has to say at one seed at least; a defect that shows in many ways has nothing here.
  const char* says;
};

constexpr BrokenWriter kBrokenWriters[] = {
    {Defect::kAcknowledgesBeforeTheSync, "AcknowledgesBeforeTheSync", "was durable and is missing"},
    {Defect::kForgetsTheRestOfAShortWrite, "ForgetsTheRestOfAShortWrite", ""},
    {Defect::kTakesAFailedWriteForDone, "TakesAFailedWriteForDone", ""},
    {Defect::kSyncsAgainAfterAFailure, "SyncsAgainAfterAFailure", "was durable and is missing"},
    {Defect::kNeverSyncsTheDirectory, "NeverSyncsTheDirectory", "was durable and is missing"},
    {Defect::kForgetsTheGapOfAFailure, "ForgetsTheGapOfAFailure", "behind record"},
    {Defect::kGivesBackTooEarly, "GivesBackTooEarly", ""},
    {Defect::kTakesAFailedReadForTheEnd, "TakesAFailedReadForTheEnd", "was durable and is missing"},
    {Defect::kForgetsTheRestOfAShortRead, "ForgetsTheRestOfAShortRead", ""},
    {Defect::kTakesAFailedListForAnEmptyDirectory, "TakesAFailedListForAnEmptyDirectory", "no gap for the"},
    {Defect::kNeverSyncsWhatItFinds, "NeverSyncsWhatItFinds", "was durable and is missing"},
    {Defect::kCutsTooMuch, "CutsTooMuch", "was durable and is missing"},
};

class BrokenWriterTest : public ::testing::TestWithParam<BrokenWriter> {};

TEST_P(BrokenWriterTest, IsCaught) {
  constexpr std::uint64_t kSeeds = 3000;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const SimulationResult result = simulate(seed, GetParam().defect);
    if (result.violation && result.violation->find(GetParam().says) != std::string::npos) return;
  }
  FAIL() << "no seed shows the defect";
}

INSTANTIATE_TEST_SUITE_P(SimulationTest, BrokenWriterTest, ::testing::ValuesIn(kBrokenWriters),
                         [](const auto& writer) { return std::string(writer.param.name); });

}  // namespace
}  // namespace tickforge::testing
