#include "lines/instrument_book.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "format/record_check.h"

namespace tickforge {
namespace {

/// The text that docs/FORMAT.md, "Decimals", gives for a mantissa.
std::string print(std::int64_t mantissa, const DecimalForm& form) {
  std::string digits = std::to_string(mantissa < 0 ? -mantissa : mantissa);
  if (form.decimals > 0) {
    if (digits.size() <= form.decimals) digits.insert(0, form.decimals + 1 - digits.size(), '0');
    std::string fraction = digits.substr(digits.size() - form.decimals);
    digits.resize(digits.size() - form.decimals);
    if (form.print == PrintRule::kMinimal) fraction.resize(fraction.find_last_not_of('0') + 1);
    if (!fraction.empty()) digits += "." + fraction;
  }
  return (mantissa < 0 ? "-" : "") + digits;
}

class InstrumentBookTest : public ::testing::Test {
 protected:
  FitStatus fit(std::vector<std::string> prices, std::vector<std::string> sizes = {"1"}) {
    const auto numbers = [](const std::vector<std::string>& texts) {
      std::vector<ExactNumber> read(texts.size());
      for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(read_number(texts[i], read[i]), NumberStatus::kNumber);
      return read;
    };
    const auto price_numbers = numbers(prices);
    const auto size_numbers = numbers(sizes);
    prices_.assign(prices.size(), 0);
    sizes_.assign(sizes.size(), 0);
    return book_.fit(*one_, {price_numbers, prices_.data()}, {size_numbers, sizes_.data()}, 5, 6, out_);
  }
  /// Fits one price after the other and prints it by the definition then in force.
  std::vector<std::string> printed(const std::vector<std::string>& prices) {
    std::vector<std::string> texts;
    for (const auto& price : prices) {
      EXPECT_EQ(fit({price}), FitStatus::kFits) << price;
      texts.push_back(print(prices_.front(), one_->price));
    }
    return texts;
  }
  /// Decimals and print rule of every definition written: "2m 2f 4m".
  std::string definitions() const {
    std::string found;
    for (std::size_t at = 0; at < out_.size();) {
      const auto& record = *reinterpret_cast<const Instrument*>(out_.data() + at * kCellBytes);
      EXPECT_TRUE(contents_hold(record.head));
      if (!found.empty()) found += " ";
      found += std::to_string(-record.price_exponent) + (record.price_print == 0 ? "f" : "m");
      at += record.head.cells;
    }
    return found;
  }

  std::uint32_t claimed_ = 0;
  std::uint32_t claim_max_ = 1000;
  InstrumentBook book_{[this] { return claimed_ < claim_max_ ? ++claimed_ : 0; }};
  LineInstrument* one_ = book_.find("kraken", "BTC/USD");
  CellBuffer out_{4096};
  std::vector<std::int64_t> prices_;
  std::vector<std::int64_t> sizes_;
};

TEST_F(InstrumentBookTest, DatesADefinitionBeforeTheFirstNumbersAndNoneWhileTheyFit) {
  ASSERT_EQ(fit({"26013.1"}, {"0.25"}), FitStatus::kFits);
  ASSERT_EQ(fit({"26014.9"}, {"1.75"}), FitStatus::kFits);
  ASSERT_EQ(out_.records(), 1u);
  const auto& record = *reinterpret_cast<const Instrument*>(out_.data());
  EXPECT_EQ(record.head.cells, 2);
  EXPECT_EQ(record.head.type, 2);
  EXPECT_EQ(record.head.flags, kFlagLast);
  EXPECT_EQ(record.head.instrument, 1u);
  EXPECT_EQ(record.head.ts_recv, 5);
  EXPECT_EQ(record.head.ts_event, kNoneI64);
  EXPECT_EQ(record.head.frame, 6u);
  EXPECT_EQ(record.price_exponent, -1);
  EXPECT_EQ(record.size_exponent, -2);
  EXPECT_EQ(record.venue_length, 6);
  EXPECT_EQ(record.symbol_length, 7);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(out_.data()) + kCellBytes, 17), "krakenBTC/USDline");
  EXPECT_EQ(prices_.front(), 260149);
  EXPECT_EQ(sizes_.front(), 175);
  EXPECT_EQ(one_->number, 1u);
}

TEST_F(InstrumentBookTest, DatesANewDefinitionWhenANumberHasMoreDecimals) {
  const std::vector<std::string> texts = {"1.5", "1.25", "1.5", "0.00000001"};
  EXPECT_EQ(printed(texts), texts);
  EXPECT_EQ(definitions(), "1m 2m 8m");
  EXPECT_EQ(one_->number, 3u);
}

TEST_F(InstrumentBookTest, GivesTheTextsOfASenderOfFixedDecimalsBack) {
  const std::vector<std::string> texts = {"2615.54", "2615.57", "2615.50", "2616.00", "0.00", "-5.10"};
  EXPECT_EQ(printed(texts), texts);
  EXPECT_EQ(definitions(), "2m 2f");
}

TEST_F(InstrumentBookTest, GivesTheTextsOfASenderOfMinimalDecimalsBack) {
  const std::vector<std::string> texts = {"2615.54", "2615.5", "2616", "-0.1", "0", "1000"};
  EXPECT_EQ(printed(texts), texts);
  EXPECT_EQ(definitions(), "2m");
}

TEST_F(InstrumentBookTest, ChangesTheRuleAtMostTwiceWhenASenderMixesForms) {
  printed({"1.5", "1.0", "1.25", "1.50", "1.0", "3", "1.500"});
  EXPECT_EQ(definitions(), "1m 1f 2m");
  EXPECT_EQ(print(prices_.front(), one_->price), "1.5");
}

TEST_F(InstrumentBookTest, LearnsNothingFromTheBareZeroThatRemovesALevel) {
  printed({"0", "2.50", "0", "3.00"});
  EXPECT_EQ(definitions(), "0m 2f");
  EXPECT_EQ(print(prices_.front(), one_->price), "3.00");
}

TEST_F(InstrumentBookTest, StartsOverWithFewerDecimalsWhenANumberIsTooLarge) {
  printed({"0.000000000001", "123456789.5"});
  EXPECT_EQ(definitions(), "12m 1m");
  EXPECT_EQ(print(prices_.front(), one_->price), "123456789.5");
}

TEST_F(InstrumentBookTest, UsesADefinitionAgainWhenNumbersGoToAndFro) {
  for (int i = 0; i < 3; ++i) {
    printed({"0.000000000001"});
    EXPECT_EQ(one_->number, 1u);
    printed({"123456789.5"});
    EXPECT_EQ(one_->number, 2u);
    EXPECT_EQ(print(prices_.front(), one_->price), "123456789.5");
  }
  EXPECT_EQ(definitions(), "12m 1m");
}

TEST_F(InstrumentBookTest, LeavesEverythingAsItIsWhenANumberFitsNoMantissa) {
  ASSERT_EQ(fit({"1.5"}), FitStatus::kFits);
  EXPECT_EQ(fit({"10000000000000000000"}), FitStatus::kUnrepresentable);
  EXPECT_EQ(fit({"0.0000000000000000001"}), FitStatus::kUnrepresentable);
  EXPECT_EQ(fit({"1000000000000000000", "0.01"}), FitStatus::kUnrepresentable) << "both in one row";
  EXPECT_EQ(fit({"1.5"}, {"1e30"}), FitStatus::kUnrepresentable);
  EXPECT_EQ(out_.records(), 1u);
  EXPECT_EQ(claimed_, 1u);
  EXPECT_EQ(one_->price.decimals, 1);
  EXPECT_EQ(fit({"2.5"}), FitStatus::kFits);
  EXPECT_EQ(out_.records(), 1u);
}

TEST_F(InstrumentBookTest, WritesOneDefinitionForAllNumbersOfARow) {
  ASSERT_EQ(fit({"1.5", "1.25", "1.125"}, {"0.1", "0.01"}), FitStatus::kFits);
  EXPECT_EQ(definitions(), "3m");
  EXPECT_EQ(prices_, (std::vector<std::int64_t>{1500, 1250, 1125}));
  EXPECT_EQ(sizes_, (std::vector<std::int64_t>{10, 1}));
}

TEST_F(InstrumentBookTest, SaysSoWhenThereIsNoNumberLeft) {
  claim_max_ = 1;
  ASSERT_EQ(fit({"1.5"}), FitStatus::kFits);
  EXPECT_EQ(fit({"1.25"}), FitStatus::kNoNumber);
  EXPECT_EQ(fit({"2.5"}), FitStatus::kFits) << "the old definition still holds";
  EXPECT_EQ(one_->number, 1u);
}

TEST_F(InstrumentBookTest, KnowsAnInstrumentByVenueAndSymbol) {
  EXPECT_EQ(book_.find("kraken", "BTC/USD"), one_);
  EXPECT_NE(book_.find("krakenB", "TC/USD"), one_);
  EXPECT_NE(book_.find("coinbase", "BTC/USD"), one_);
  EXPECT_EQ(book_.instruments(), 3u);
}

TEST_F(InstrumentBookTest, RefusesNamesThatADefinitionCannotHold) {
  const std::string longest(255, 'x');
  EXPECT_EQ(book_.find("", "X"), nullptr);
  EXPECT_EQ(book_.find("x", ""), nullptr);
  EXPECT_EQ(book_.find("a:b", "X"), nullptr);
  EXPECT_EQ(book_.find(longest + "x", "X"), nullptr);
  EXPECT_EQ(book_.find("x", longest + "x"), nullptr);
  one_ = book_.find(longest, longest);
  ASSERT_NE(one_, nullptr);
  ASSERT_EQ(fit({"1"}), FitStatus::kFits);
  EXPECT_LE(out_.size(), kDefinitionCellsMax);
  EXPECT_TRUE(contents_hold(*reinterpret_cast<const RecordHead*>(out_.data())));
}

TEST(InstrumentBookLimitTest, HoldsABoundedNumberOfInstruments) {
  InstrumentBook book([] { return 1u; }, 2);
  ASSERT_NE(book.find("x", "A"), nullptr);
  ASSERT_NE(book.find("x", "B"), nullptr);
  EXPECT_EQ(book.find("x", "C"), nullptr);
  EXPECT_NE(book.find("x", "A"), nullptr);
}

TEST(InstrumentBookLimitTest, HoldsABoundedNumberOfDefinitions) {
  InstrumentBook book([] { return 1u; }, 2, 1);
  CellBuffer out(16);
  const ExactNumber number{5, 0, false, true};
  std::int64_t mantissa = 0;
  const NumberList list{{&number, 1}, &mantissa};
  EXPECT_EQ(book.fit(*book.find("x", "A"), list, list, 1, 1, out), FitStatus::kFits);
  EXPECT_EQ(book.fit(*book.find("x", "B"), list, list, 1, 1, out), FitStatus::kNoNumber);
  EXPECT_EQ(out.records(), 1u);
}

}  // namespace
}  // namespace tickforge
