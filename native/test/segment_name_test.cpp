#include "journal/segment_name.h"

#include <gtest/gtest.h>

namespace tickforge {
namespace {

TEST(SegmentName, IsReadBackAsItWasWritten) {
  const SegmentName names[] = {{0, "a", 0}, {19'943, "rec_1-x", 12}, {106'751, "z", 999}};
  for (const SegmentName& name : names) {
    const auto parsed = parse_segment_name(name.file_name());
    ASSERT_TRUE(parsed) << name.file_name();
    EXPECT_EQ(parsed->day, name.day);
    EXPECT_EQ(parsed->journal, name.journal);
    EXPECT_EQ(parsed->part, name.part);
  }
  EXPECT_EQ((SegmentName{19'943, "rec", 7}.file_name()), "2024-08-08.rec.007.tfs");
}

TEST(SegmentName, IsNothingElse) {
  for (const char* name : {"", ".tfs", "2024-08-08.rec.007.tfi", "2024-08-08.rec.07.tfs", "2024-13-08.rec.007.tfs",
                           "2024-02-30.rec.007.tfs", "2024-08-08.Rec.007.tfs", "2024-08-08..007.tfs",
                           "2024-08-08.rec.0x7.tfs",
                           "2024/08/08.rec.007.tfs", "2024-08-08.rec.007.tfs.tmp", "2024-08-08.a.b.007.tfs"}) {
    EXPECT_FALSE(parse_segment_name(name)) << name;
  }
}

TEST(SegmentName, OrdersByDayThenPart) {
  const auto segments = segments_of({"2024-08-09.rec.000.tfs", "x", "2024-08-08.rec.010.tfs", "2024-08-08.rec.002.tfs",
                                     "2024-08-08.other.000.tfs"},
                                    "rec");
  ASSERT_EQ(segments.size(), 3U);
  EXPECT_EQ(segments[0].part, 2U);
  EXPECT_EQ(segments[1].part, 10U);
  EXPECT_EQ(segments[2].day, 19'944);
}

}  // namespace
}  // namespace tickforge
