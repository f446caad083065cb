#include "lines/exact_number.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <string>

namespace tickforge {
namespace {

/// "-1234e-2" for what was read, or what was wrong.
std::string written(NumberStatus status, const ExactNumber& number) {
  if (status == NumberStatus::kNotANumber) return "no number";
  if (status == NumberStatus::kTooLarge) return "too large";
  return (number.negative ? "-" : "") + std::to_string(number.magnitude) + "e" + std::to_string(number.exponent);
}

std::string read(std::string_view text) {
  ExactNumber number;
  const NumberStatus status = read_number(text, number);
  return written(status, number);
}

std::string of_double(double value) {
  ExactNumber number;
  const NumberStatus status = number_of_double(std::bit_cast<std::uint64_t>(value), number);
  return written(status, number);
}

std::string of_binary(std::string_view mantissa, std::uint8_t scale) {
  ExactNumber number;
  const NumberStatus status = number_of_binary(mantissa, scale, number);
  return written(status, number);
}

TEST(ExactNumberTest, KeepsTheDigitsAsTheyAreWritten) {
  EXPECT_EQ(read("2615.54"), "261554e-2");
  EXPECT_EQ(read("-0.00044"), "-44e-5");
  EXPECT_EQ(read("1.234500"), "1234500e-6");
  EXPECT_EQ(read("+.5"), "5e-1");
  EXPECT_EQ(read("5."), "5e0");
  EXPECT_EQ(read("007"), "7e0");
  EXPECT_EQ(read("1e-7"), "1e-7");
  EXPECT_EQ(read("1.5E+21"), "15e20");
  EXPECT_EQ(read("0e999999999999"), "0e0");
}

TEST(ExactNumberTest, KnowsWhetherTheCountOfDecimalsIsTheSenders) {
  ExactNumber number;
  ASSERT_EQ(read_number("1.50", number), NumberStatus::kNumber);
  EXPECT_TRUE(number.plain);
  ASSERT_EQ(read_number("1.5e1", number), NumberStatus::kNumber);
  EXPECT_FALSE(number.plain);
}

TEST(ExactNumberTest, RefusesWhatIsNoNumber) {
  for (const char* text :
       {"", "-", "+", ".", "e5", "1e", "1e+", "1.2.3", "1 ", " 1", "0x10", "1_000", "NaN", "1-2", "--1"}) {
    EXPECT_EQ(read(text), "no number") << text;
  }
}

TEST(ExactNumberTest, TakesSixtyFourBitsOfDigitsAndZerosBeyondThem) {
  EXPECT_EQ(read("18446744073709551615"), "18446744073709551615e0");
  EXPECT_EQ(read("18446744073709551616"), "too large");
  EXPECT_EQ(read("10000000000000000000000"), "10000000000000000000e3");
  EXPECT_EQ(read("1.00000000000000000000000"), "10000000000000000000e-19");
  EXPECT_EQ(read("1.00000000000000000000001"), "too large");
  EXPECT_EQ(read("1e401"), "too large");
  EXPECT_EQ(read("1e-401"), "too large");
}

TEST(ExactNumberTest, MakesADoubleTheShortestDecimalThatIsReadAsIt) {
  EXPECT_EQ(of_double(2615.54), "261554e-2");
  EXPECT_EQ(of_double(0.00044), "44e-5");
  EXPECT_EQ(of_double(0.1 + 0.2), "30000000000000004e-17");
  EXPECT_EQ(of_double(100.0), "100e0");
  EXPECT_EQ(of_double(-3.0), "-3e0");
  EXPECT_EQ(of_double(9007199254740993.0), "9007199254740992e0");
  EXPECT_EQ(of_double(1e21), "1e21");
  EXPECT_EQ(of_double(5e-324), "5e-324");
  EXPECT_EQ(of_double(0.0), "0e0");
  EXPECT_EQ(of_double(1.0 / 0.0), "too large");
  EXPECT_EQ(of_double(std::bit_cast<double>(0x7FF8000000000000)), "no number");
}

TEST(ExactNumberTest, ReadsBigEndianMantissasOfAnyLength) {
  using namespace std::string_view_literals;
  EXPECT_EQ(of_binary("\x01\xE2\x40"sv, 3), "123456e-3");
  EXPECT_EQ(of_binary("\xFF\x7F"sv, 0), "-129e0");
  EXPECT_EQ(of_binary("\x80"sv, 2), "-128e-2");
  EXPECT_EQ(of_binary("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"sv, 1), "-1e-1");
  EXPECT_EQ(of_binary("\0\0\0\0\0\0\0\0\0\0\0\x05"sv, 1), "5e-1");
  EXPECT_EQ(of_binary("\0"sv, 7), "0e-7");
  EXPECT_EQ(of_binary("\x80\0\0\0\0\0\0\0"sv, 0), "-9223372036854775808e0");
  EXPECT_EQ(of_binary(""sv, 0), "no number");
}

TEST(ExactNumberTest, ReducesABinaryMantissaThatEndsWithZeros) {
  // 10^20 = 0x056BC75E2D63100000, of nine bytes.
  using namespace std::string_view_literals;
  EXPECT_EQ(of_binary("\x05\x6B\xC7\x5E\x2D\x63\x10\x00\x00"sv, 20), "10000000000000000000e-19");
  EXPECT_EQ(of_binary("\x05\x6B\xC7\x5E\x2D\x63\x10\x00\x01"sv, 20), "too large");
  EXPECT_EQ(of_binary(std::string(200, '\x11'), 0), "too large");
}

TEST(ExactNumberTest, GivesAMantissaOnlyIfItIsExact) {
  std::int64_t mantissa = 0;
  ExactNumber number;
  ASSERT_EQ(read_number("-12.50", number), NumberStatus::kNumber);
  EXPECT_EQ(decimals_needed(number), 1);
  EXPECT_TRUE(mantissa_at(number, 4, mantissa));
  EXPECT_EQ(mantissa, -125'000);
  EXPECT_TRUE(mantissa_at(number, 1, mantissa));
  EXPECT_EQ(mantissa, -125);
  EXPECT_FALSE(mantissa_at(number, 0, mantissa));
  EXPECT_FALSE(mantissa_at(number, 18, mantissa));
  ASSERT_EQ(read_number("9223372036854775807", number), NumberStatus::kNumber);
  EXPECT_TRUE(mantissa_at(number, 0, mantissa));
  ASSERT_EQ(read_number("-9223372036854775808", number), NumberStatus::kNumber);
  EXPECT_FALSE(mantissa_at(number, 0, mantissa)) << "that mantissa means 'none'";
}

TEST(ExactNumberTest, GivesEveryDoubleBackThatATextOfItsDigitsGives) {
  std::uint64_t state = 1;
  for (int i = 0; i < 100'000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const double value = std::bit_cast<double>(state);
    const std::string text = of_double(value);
    if (text == "no number" || text == "too large") continue;
    EXPECT_EQ(std::strtod(text.c_str(), nullptr), value) << text;
  }
}

}  // namespace
}  // namespace tickforge
