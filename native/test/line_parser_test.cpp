#include "lines/line_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "format/record.h"
#include "testing/line_samples.h"

namespace tickforge {
namespace {

using namespace testing;
using namespace std::string_literals;

const char* const kKinds[] = {"symbol", "string", "number", "integer", "decimal", "double",
                              "huge",   "bool",   "time",   "array",   "null",    "word"};

std::string number_text(const ExactNumber& number) {
  return (number.negative ? "-" : "") + std::to_string(number.magnitude) + "e" + std::to_string(number.exponent);
}

/// "price:number=261554e-2"
std::string text_of(const LineColumn& column) {
  std::string text = std::string(column.name) + ":" + kKinds[static_cast<std::size_t>(column.kind)];
  switch (column.kind) {
    case LineValueKind::kNumber:
    case LineValueKind::kInteger:
    case LineValueKind::kDecimal: return text + "=" + number_text(column.number);
    case LineValueKind::kDouble: {
      ExactNumber number;
      EXPECT_EQ(number_of_double(column.bits, number), NumberStatus::kNumber);
      return text + "=" + number_text(number);
    }
    case LineValueKind::kBoolean: return text + (column.bits != 0 ? "=t" : "=f");
    case LineValueKind::kTime: return text + "=" + std::to_string(column.time);
    case LineValueKind::kArray:
      return text + "=" + std::to_string(column.rows) + "/" + std::to_string(column.text.size() / 8);
    case LineValueKind::kNull: return text;
    default: return text + "=" + std::string(column.text);
  }
}

/// One text a line: "trades symbol:symbol=X price:number=1e0 @5", or "! 12 what is wrong".
std::vector<std::string> parse(std::string_view bytes, bool at_end = false, TimeUnit unit = TimeUnit::kNanoseconds,
                               LineLimits limits = {}) {
  LineParser parser(limits);
  LineScan scan;
  std::vector<std::string> lines;
  while (true) {
    std::size_t consumed = 0;
    const LineStatus status =
        parser.next(bytes.data(), bytes.data() + bytes.size(), scan, unit, at_end, consumed);
    bytes.remove_prefix(consumed);
    if (status == LineStatus::kIncomplete) {
      if (!bytes.empty()) lines.push_back("+ " + std::string(bytes));
      return lines;
    }
    if (status == LineStatus::kTooLong) {
      lines.push_back("too long");
      return lines;
    }
    if (status == LineStatus::kFault) {
      lines.push_back("! " + std::to_string(parser.fault().position) + " " + parser.fault().what);
      continue;
    }
    std::string line(parser.row().table);
    for (const LineColumn& column : parser.row().columns) line += " " + text_of(column);
    if (parser.row().time != kNoneI64) line += " @" + std::to_string(parser.row().time);
    lines.push_back(line);
  }
}

using Lines = std::vector<std::string>;

TEST(LineParserTest, ReadsAnExampleOfQuestdbsDocumentation) {
  EXPECT_EQ(parse("trades,symbol=ETH-USD,side=sell price=2615.54,amount=0.00044 1646762637609765000\n"),
            Lines{"trades symbol:symbol=ETH-USD side:symbol=sell price:number=261554e-2 amount:number=44e-5"
                  " @1646762637609765000"});
}

TEST(LineParserTest, ReadsWhatTheNodeClientSendsInVersion1) {
  EXPECT_EQ(parse(kNodeVersion1),
            (Lines{"trades symbol:symbol=ETH-USD side:symbol=sell price:number=261554e-2 amount:number=44e-5 "
                   "id:integer=123e0 m:bool=t note:string=a \"q\" \\ b\nc tt:time=1646762637609765000 "
                   "tn:time=1646762637609765000 tm:time=1646762637609000000 @1646762637609765000",
                   "t ab s y=m:symbol=v a,l=u\ne f i=e:string=x", "u s:symbol=1 p:number=1e-7 @1646762637609765000",
                   "u s:symbol=1 p:number=1e21 @1646762637609000000"}));
}

TEST(LineParserTest, ReadsWhatTheNodeClientSendsInVersion2) {
  EXPECT_EQ(parse(kNodeVersion2),
            (Lines{"trades symbol:symbol=ETH-USD side:symbol=sell price:double=261554e-2 amount:double=44e-5 "
                   "id:integer=123e0 m:bool=t note:string=a \"q\" \\ b\nc tt:time=1646762637609765000 "
                   "tn:time=1646762637609765123 tm:time=1646762637609000000 @1646762637609765000",
                   "t ab s y=m:symbol=v a,l=u\ne f i=e:string=x", "u s:symbol=1 p:double=1e-7 @1646762637609765000",
                   "u s:symbol=1 p:double=1e21 @1646762637609000000"}));
  EXPECT_EQ(parse(kNodeArrays), Lines{"book symbol:symbol=X bids:array=2/4 nul:null @1"});
}

TEST(LineParserTest, ReadsWhatThePythonClientSends) {
  const std::string third_row = "u s:symbol=1 p:number=1e-7 q:number=1e21 n:null i:huge=Infinity z:number=1000e-1"
                                " @1723075200000000000";
  EXPECT_EQ(parse(kPythonVersion1).at(2), third_row);
  EXPECT_EQ(parse(kPythonVersion1).at(1),
            "ta b s y=m:symbol=v a,l=u\ne\\\xc3\xbc f i=e:string=x @1646762637609765000");
  EXPECT_EQ(parse(kPythonVersion1).at(3), "u s:symbol=1 p:number=10e-1");
  EXPECT_EQ(parse(kPythonVersion2).at(2),
            "u s:symbol=1 p:double=1e-7 q:double=1e21 n:null i:huge= z:double=100e0 @1723075200000000000");
  EXPECT_EQ(parse(kPythonVersion2).at(3), "u s:symbol=1 p:double=1e0");
}

TEST(LineParserTest, ReadsDecimalsOfVersion3FromBothClients) {
  EXPECT_EQ(parse(kNodeDecimals), Lines{"fx mid:number=1234500e-6 b:decimal=123456e-3 neg:decimal=-129e0 @1"});
  EXPECT_EQ(parse(kPythonDecimals), Lines{"fx mid:decimal=1234500e-6 neg:decimal=-129e0 big:decimal=100000e0 @1"});
}

TEST(LineParserTest, DoesNotEndALineAtANewlineInsideABinaryValue) {
  // A double, a decimal and an array, each with newline bytes; an array of ten (0x0A) columns.
  const std::string ten = "\x0A\x0A\x0A\x0A\x0A\x0A\x0A\x0A"s;
  const std::string line = "t a==\x10" + ten + ",b==\x17\x0A\x01\x0A" + ",c==\x0E\x0A\x01\x01\0\0\0"s + ten + " 1\n";
  EXPECT_EQ(parse(line), Lines{"t a:double=" + parse("t a==\x10" + ten + "\n").front().substr(11) +
                               " b:decimal=10e-10 c:array=1/1 @1"});
  std::string row;
  for (int i = 0; i < 10; ++i) row += ten;
  EXPECT_EQ(parse("t c==\x0E\x0A\x01\x0A\0\0\0"s + row + "\nu a=1\n"), (Lines{"t c:array=10/10", "u a:number=1e0"}));
}

TEST(LineParserTest, TakesEveryFormOfABareValue) {
  EXPECT_EQ(parse("t a=t,b=T,c=true,d=True,e=TRUE,f=f,g=F,h=false,i=False,j=FALSE\n"),
            Lines{"t a:bool=t b:bool=t c:bool=t d:bool=t e:bool=t f:bool=f g:bool=f h:bool=f i:bool=f j:bool=f"});
  EXPECT_EQ(parse("t a=None,b=NaN,c=null,d=NaNd\n"), Lines{"t a:null b:null c:null d:null"});
  EXPECT_EQ(parse("t a=-5i,b=1.5i,c=1e3i,d=99999999999999999999i,e=1.50d,f=-inf\n"),
            Lines{"t a:integer=-5e0 b:word=1.5i c:word=1e3i d:huge=99999999999999999999i e:number=150e-2 f:huge=-inf"});
  EXPECT_EQ(parse("t a=-5t,b=5n,c=5.5t,d=9223372036854775t,e=9223372036854776t\n"),
            Lines{"t a:time=-5000 b:time=5 c:word=5.5t d:time=9223372036854775000 e:huge=9223372036854776t"});
  EXPECT_EQ(parse("t a=5c9e0a7b-2f0d-5b1e-9c1b-000000000001i,b=0x1Fi\n"),
            Lines{"t a:word=5c9e0a7b-2f0d-5b1e-9c1b-000000000001i b:word=0x1Fi"});
  EXPECT_EQ(parse("t a=12345678901234567890123,b=0.1234567890123456789012\n"),
            Lines{"t a:huge=12345678901234567890123 b:huge=0.1234567890123456789012"});
}

TEST(LineParserTest, TakesARowWithoutFieldsOrWithoutATimestamp) {
  EXPECT_EQ(parse("t,a=b\nt,a=b 5\nt,a=b 5n\nt a=1 \nt a=1  5 \n"),
            (Lines{"t a:symbol=b", "t a:symbol=b @5", "t a:symbol=b @5", "t a:number=1e0", "t a:number=1e0 @5"}));
}

TEST(LineParserTest, TakesCarriageReturnsAndEmptyLines) {
  EXPECT_EQ(parse("\r\n\n\nt,a=b\r\nt,a=b x=1\r\nt x=\"y\"\r\nt x=y\r\nt x=1 5\r\nt x=1 5 \r\n\r\n"),
            (Lines{"t a:symbol=b", "t a:symbol=b x:number=1e0", "t x:string=y", "t x:word=y", "t x:number=1e0 @5",
                   "t x:number=1e0 @5"}));
}

TEST(LineParserTest, TakesTheTimestampInTheUnitAskedForUnlessItSaysItsOwn) {
  EXPECT_EQ(parse("t a=1 5\n", false, TimeUnit::kMicroseconds), Lines{"t a:number=1e0 @5000"});
  EXPECT_EQ(parse("t a=1 5\n", false, TimeUnit::kMilliseconds), Lines{"t a:number=1e0 @5000000"});
  EXPECT_EQ(parse("t a=1 -5\n", false, TimeUnit::kSeconds), Lines{"t a:number=1e0 @-5000000000"});
  EXPECT_EQ(parse("t a=1 5t\n", false, TimeUnit::kSeconds), Lines{"t a:number=1e0 @5000"});
  EXPECT_EQ(parse("t a=1 9223372036854775807\n"), Lines{"t a:number=1e0 @9223372036854775807"});
}

TEST(LineParserTest, EndsTheLastLineWithTheBodyIfAskedTo) {
  for (const char* line : {"t,a=b", "t,a=b 5", "t a=1", "t a=1 ", "t a=1 5", "t a=1 5n", "t a=\"x\"", "t a=x"}) {
    EXPECT_EQ(parse(line), Lines{"+ "s + line});
    const auto lines = parse(line, true);
    ASSERT_EQ(lines.size(), 1u) << line;
    EXPECT_EQ(lines, parse(std::string(line) + "\n")) << line;
  }
  EXPECT_EQ(parse("t a=\"x", true), Lines{"! 6 the line ends inside a value"});
  EXPECT_EQ(parse("t a==\x10" "12", true), Lines{"! 4 the line ends inside a value"});
  EXPECT_EQ(parse("t a=b\\", true), Lines{"t a:word=b\\"});
}

TEST(LineParserTest, SaysWhatIsWrongAndWhereAndGoesOnWithTheNextLine) {
  const auto fault = [](const std::string& line) {
    const auto lines = parse(line + "\nok a=1\n");
    EXPECT_EQ(lines.size(), 2u) << line;
    EXPECT_EQ(lines.back(), "ok a:number=1e0") << line;
    return lines.front();
  };
  EXPECT_EQ(fault(",a=b c=1"), "! 0 expected a table's name");
  EXPECT_EQ(fault("t"), "! 1 a row without columns");
  EXPECT_EQ(fault("t 5"), "! 3 a row without columns");
  EXPECT_EQ(fault("t,,b=c d=1"), "! 2 expected a tag's name");
  EXPECT_EQ(fault("t,a d=1"), "! 3 expected '=' behind a tag's name");
  EXPECT_EQ(fault("t a=1,b"), "! 7 expected '=' behind a field's name");
  EXPECT_EQ(fault("t a=1,=2"), "! 6 expected a field's name");
  EXPECT_EQ(fault("t a=,b=2"), "! 4 expected a value");
  EXPECT_EQ(fault("t a="), "! 4 expected a value");
  EXPECT_EQ(fault("t a=\"x"), "! 6 a string is not closed");
  EXPECT_EQ(fault("t a=\"x\"y"), "! 7 expected ',', ' ' or the line's end behind a value");
  EXPECT_EQ(fault("t a=1 x"), "! 6 expected a timestamp");
  EXPECT_EQ(fault("t a=1 5.5"), "! 7 expected the line's end behind the timestamp");
  EXPECT_EQ(fault("t a=1 5 6"), "! 8 expected the line's end behind the timestamp");
  EXPECT_EQ(fault("t a=1 99999999999999999999"), "! 6 expected a timestamp");
  EXPECT_EQ(fault("t a=1 9223372036854776t"), "! 6 expected a timestamp");
  EXPECT_EQ(fault("t a==\x11"), "! 4 unknown type of a binary value");
  EXPECT_EQ(fault("t a==\x0E\x05"), "! 4 unknown type of an array's elements");
  EXPECT_EQ(fault("t a==\x0E\x0A\xFF"), "! 4 an array of no dimensions, or of too many");
  EXPECT_EQ(fault("t a==\x10" "12345678x"), "! 14 expected ',', ' ' or the line's end behind a value");
}

TEST(LineParserTest, CountsColumns) {
  std::string line = "t ";
  for (int i = 0; i < 4; ++i) line += "a" + std::to_string(i) + "=1,";
  line.back() = '\n';
  EXPECT_EQ(parse(line, false, TimeUnit::kNanoseconds, {1024, 4}).front().substr(0, 3), "t a");
  EXPECT_EQ(parse(line, false, TimeUnit::kNanoseconds, {1024, 3}), Lines{"! 19 too many columns"});
}

TEST(LineParserTest, RefusesALineAtItsLimitAndNotBefore) {
  const LineLimits limits{16, 8};
  EXPECT_EQ(parse("t a=\"12345678\"\n\n", false, TimeUnit::kNanoseconds, limits), Lines{"t a:string=12345678"});
  EXPECT_EQ(parse("t a=\"123456789\"\n", false, TimeUnit::kNanoseconds, limits), Lines{"t a:string=123456789"});
  EXPECT_EQ(parse("t a=\"123456789\"", false, TimeUnit::kNanoseconds, limits), Lines{"+ t a=\"123456789\""});
  EXPECT_EQ(parse("t a=\"1234567890\"", false, TimeUnit::kNanoseconds, limits), Lines{"too long"});
  EXPECT_EQ(parse("t a=\"1234567890\"\n", false, TimeUnit::kNanoseconds, limits), Lines{"too long"});
  // An array of 2^32 - 1 by 2^32 - 1 doubles.
  EXPECT_EQ(parse("t a==\x0E\x0A\x02\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF" "12345", false, TimeUnit::kNanoseconds, limits),
            Lines{"too long"});
}

TEST(LineParserTest, SeesEachByteOfALineThatArrivesSlowlyOnce) {
  LineParser parser;
  LineScan scan;
  const std::string line = "t a=\"" + std::string(1000, '\\') + "\" 5\n";
  std::size_t consumed = 0;
  for (std::size_t i = 1; i < line.size(); ++i) {
    ASSERT_EQ(parser.next(line.data(), line.data() + i, scan, TimeUnit::kNanoseconds, false, consumed),
              LineStatus::kIncomplete);
    ASSERT_EQ(consumed, 0u);
    ASSERT_EQ(scan.seen(), i);
  }
  EXPECT_EQ(parser.next(line.data(), line.data() + line.size(), scan, TimeUnit::kNanoseconds, false, consumed),
            LineStatus::kRow);
  EXPECT_EQ(consumed, line.size());
  EXPECT_EQ(scan.seen(), 0u);
}

}  // namespace
}  // namespace tickforge
