// HTTP that two readers could read in two ways is refused, and nothing behind it is taken for a request.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "testing/protocol_run.h"

namespace tickforge::testing {
namespace {

using std::string_literals::operator""s;

constexpr std::string_view kRow = "trades,symbol=FIRST price=1,amount=1\n";  // 37 bytes, 25 in hexadecimal
constexpr std::string_view kPost = "POST /write HTTP/1.1\r\nHost: x\r\n";
constexpr std::string_view kChunked = "Transfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view kHidden =
    "POST /write HTTP/1.1\r\nHost: x\r\nContent-Length: 38\r\n\r\ntrades,symbol=HIDDEN price=1,amount=1\n";

struct Outcome {
  std::string answers;
  std::string records;
  bool ended;
};

class HttpStrictnessTest : public ::testing::Test {
 protected:
  HttpStrictnessTest() : world_(small_options()) {}
  Outcome outcome_of(const std::string& stream, std::size_t piece) {
    world_.reset();
    ProtocolRun run(world_);
    run.run(reinterpret_cast<const std::uint8_t*>(stream.data()), stream.size(), piece);
    return {run.answers(), std::string(run.cells().begin(), run.cells().end()), run.ended()};
  }
  /// Status of each answer.
  static std::vector<int> statuses_of(const std::string& answers) {
    std::vector<int> statuses;
    for (std::size_t at = answers.find("HTTP/1.1 "); at != std::string::npos; at = answers.find("HTTP/1.1 ", at + 1)) {
      if (answers[at + 9] <= '9') statuses.push_back(std::stoi(answers.substr(at + 9, 3)));
    }
    return statuses;
  }
  /// As one piece, in small ones and byte by byte.
  void expect_refused(const std::string& request, int status) {
    const std::string stream = request + std::string(kHidden) + std::string(kHidden);
    for (const std::size_t piece : {stream.size(), std::size_t{7}, std::size_t{1}}) {
      const Outcome outcome = outcome_of(stream, piece);
      EXPECT_EQ(statuses_of(outcome.answers), std::vector<int>{status}) << request << "\nin pieces of " << piece;
      EXPECT_NE(outcome.answers.find("Connection: close\r\n"), std::string::npos) << request;
      EXPECT_TRUE(outcome.ended) << request;
      EXPECT_EQ(outcome.records.find("HIDDEN"), std::string::npos) << request << "\nin pieces of " << piece;
    }
  }
  void expect_taken(const std::string& request, int status = 204) {
    for (const std::size_t piece : {request.size() + kHidden.size(), std::size_t{1}}) {
      const Outcome outcome = outcome_of(request + std::string(kHidden), piece);
      EXPECT_EQ(statuses_of(outcome.answers), (std::vector<int>{status, 204})) << request << "\n" << outcome.answers;
      EXPECT_NE(outcome.records.find("HIDDEN"), std::string::npos) << "the next request is one";
    }
  }

  ProtocolWorld world_;
};

std::string with(std::string_view headers, std::string_view body = kRow) {
  return std::string(kPost) + std::string(headers) + "\r\n" + std::string(body);
}
std::string chunks(std::string_view text) { return std::string(kPost) + std::string(kChunked) + std::string(text); }
std::string chunk(std::string_view size_line = "25\r\n") { return std::string(size_line) + std::string(kRow); }

TEST_F(HttpStrictnessTest, RefusesALengthThatIsNotOneNumber) {
  for (const std::string_view length :
       {"", " ", "+37", "-37", "0x25", "3 7", "37, 37", "37,37", "37;", "3.7e1", "18446744073709551616",
        "18446744073709551653", "99999999999999999999999999999999", "37 37", "\"37\""}) {
    expect_refused(with("Content-Length: " + std::string(length) + "\r\n"), 400);
  }
  expect_refused(with("Content-Length: 37\r\nContent-Length: 37\r\n"), 400);
  expect_refused(with("Content-Length: 37\r\ncontent-length: 0\r\n"), 400);
  expect_refused(with("Content-Length: 18446744073709551615\r\n"), 400);
  expect_refused(with("Content-Length: 999999999999999999\r\n"), 413);
}

TEST_F(HttpStrictnessTest, RefusesABodyWithTwoLengthsOrACodingThatItDoesNotKnow) {
  const std::string body = chunk() + "\r\n0\r\n\r\n";
  expect_refused(with("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", body), 400);
  expect_refused(with("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", body), 400);
  expect_refused(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", body), 400);
  expect_refused(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", body), 400);
  for (const std::string_view coding : {"gzip, chunked", "chunked, chunked", "chunked, identity", "xchunked",
                                        "chunkedx", "identity", "gzip", "", ",chunked", "\"chunked\""}) {
    expect_refused(with("Transfer-Encoding: " + std::string(coding) + "\r\n", body), 501);
  }
  std::string old = with("Transfer-Encoding: chunked\r\n", body);
  old.replace(old.find("HTTP/1.1"), 8, "HTTP/1.0");
  expect_refused(old, 400);
}

TEST_F(HttpStrictnessTest, RefusesHeadersThatOthersCouldReadDifferently) {
  const std::string length = "Content-Length: 37\r\n";
  for (const std::string& headers : {"Content-Length : 37\r\n"s,
                                     "Content-Length\t: 37\r\n"s,
                                     "Transfer-Encoding : chunked\r\n" + length,
                                     "Transfer-Encoding:\x0b"
                                     "chunked\r\n" +
                                         length,
                                     "Transfer-Encoding:\r\n chunked\r\n"s,
                                     "Content-Length:\r\n\t37\r\n"s,
                                     "X: a\r\n b\r\n" + length,
                                     " X: a\r\n" + length,
                                     ": a\r\n" + length,
                                     "X\r\n" + length,
                                     "X y: a\r\n" + length,
                                     "X: a\rContent-Length: 0\r\n" + length,
                                     "X: a\r\r\n" + length,
                                     "X: a\0b\r\n"s + length,
                                     "Content-\0Length: 0\r\n"s + length,
                                     "X: \x01\r\n" + length,
                                     "X: \x1f\r\n" + length,
                                     "X: \x7f\r\n" + length,
                                     "X\xe4: a\r\n" + length,
                                     "X(: a\r\n" + length,
                                     "X\x0b: a\r\n" + length,
                                     "X: a\n" + length,
                                     "Content-Length: 37\n"s,
                                     "Host: y\r\n" + length,
                                     "Authorization: Bearer a\r\nAuthorization: Bearer a\r\n" + length}) {
    expect_refused(with(headers), 400);
  }
  std::string bare = with(length);
  bare.erase(std::remove(bare.begin(), bare.end(), '\r'), bare.end());
  expect_refused(bare, 400);
  expect_refused(std::string(kPost) + length + "\n" + std::string(kRow), 400);
}

TEST_F(HttpStrictnessTest, RefusesChunksThatAreNotRight) {
  for (const std::string_view size :
       {"-1", "-25", "+25", "0x25", " 25", "25 ", "25\t", "", ";a", "g", "1ffffffffffffffff", "10000000000000025",
        "fffffffffffffffffffffffff", "25;a\x0b", "25;\x01", "25,25"}) {
    expect_refused(chunks(chunk(std::string(size) + "\r\n") + "\r\n0\r\n\r\n"), 400);
  }
  expect_refused(chunks(chunk("25;a\0b\r\n"s) + "\r\n0\r\n\r\n"), 400);
  expect_refused(chunks(chunk("25\n") + "\r\n0\r\n\r\n"), 400);
  expect_refused(chunks(chunk("25;a\nXX\r\n") + "\r\n0\r\n\r\n"), 400);
  expect_refused(chunks(chunk("25\rX\n") + "\r\n0\r\n\r\n"), 400);
  for (const std::string_view end : {"XX", "\n", "\r", "", "X\r\n", "\r\r\n", " \r\n", "\r\n\r\n"}) {
    expect_refused(chunks(chunk() + std::string(end) + "0\r\n\r\n"), 400);
  }
  expect_refused(chunks(chunk("ffffffffffffffff\r\n") + "\r\n0\r\n\r\n"), 400);
  expect_refused(chunks(chunk("fffffffffffffff\r\n")), 413);
  expect_refused(chunks(chunk() + "\r\n7ff\r\n"), 413);
  for (const std::string_view trailer :
       {"\n", "X: a\n\r\n", " X: a\r\n\r\n", "X\r\n\r\n", "X: a\r\n b\r\n\r\n", "\r\r\n"}) {
    expect_refused(chunks(chunk() + "\r\n0\r\n" + std::string(trailer)), 400);
  }
}

TEST_F(HttpStrictnessTest, RefusesRequestLinesThatAreNotRight) {
  const std::string rest = "\r\nHost: x\r\nContent-Length: 37\r\n\r\n" + std::string(kRow);
  for (const std::string& line :
       {"POST  /write HTTP/1.1"s, "POST /write  HTTP/1.1"s, "POST /write HTTP/1.1 "s, "POST /write"s,
        "POST /wr\tite HTTP/1.1"s, "POST /write\x0b HTTP/1.1"s, "POST /wr\xc3\xa4te HTTP/1.1"s,
        "POST /write?a\0b HTTP/1.1"s, "POST /write HTTP/1"s, "POST /write HTTP/2.0"s, "POST /write HTTX/1.1"s,
        "POST /write http/1.1"s, "POST /write HTTP/1.1\r"s}) {
    expect_refused(line + rest, 400);
  }
  expect_refused("GET /ping\r\n", 400);
}

TEST_F(HttpStrictnessTest, BoundsHeadsAndTrailers) {
  expect_refused("GET /" + std::string(5000, 'a') + " HTTP/1.1\r\n\r\n", 414);
  expect_refused(with("X: " + std::string(5000, 'a') + "\r\n"), 431);
  expect_refused(with(std::string(5000, 'a') + ": b\r\n"), 431);
  std::string many;
  for (int i = 0; i < 3000; ++i) many += "X: yyyy\r\n";
  expect_refused(with(many), 431);
  expect_refused(chunks(chunk() + "\r\n0\r\n" + many), 431);
  expect_refused(chunks(chunk("25;" + std::string(20'000, 'a') + "\r\n")), 431);
}

TEST_F(HttpStrictnessTest, AnswersMethodsAndPathsThatItDoesNotServe) {
  for (const std::string_view start :
       {"TRACE / ", "OPTIONS * ", "OPTIONS / ", "DELETE /x ", "M-SEARCH /x ", "PUT /writes ", "POST /x/../write ",
        "POST //write ", "POST http://x ", "GET https://x/exec?query=a "}) {
    expect_refused(std::string(start) + "HTTP/1.1\r\nHost: x\r\n\r\n", 404);
  }
  for (const std::string_view start : {"PUT /write ", "GET /write ", "QUERY /write ", "BREW /pot ", "TRACE /write "}) {
    expect_refused(std::string(start) + "HTTP/1.1\r\nHost: x\r\n\r\n", 405);
  }
}

TEST_F(HttpStrictnessTest, RefusesWhatIsNoRequestBehindOne) {
  for (const std::string_view garbage : {"garbage\r\n\r\n", "\x16\x03\x01", "get / HTTP/1.1\r\n\r\n", "{}\r\n", "GE"}) {
    const std::string stream = with("Content-Length: 37\r\n") + std::string(garbage) + (garbage == "GE" ? "\x01" : "");
    for (const std::size_t piece : {stream.size(), std::size_t{1}}) {
      EXPECT_EQ(statuses_of(outcome_of(stream, piece).answers), (std::vector<int>{204, 400})) << garbage;
    }
  }
}

TEST_F(HttpStrictnessTest, TakesWhatTheStandardAllows) {
  const std::string end = "\r\n0\r\n\r\n";
  for (const std::string& request :
       {with("Content-Length: 37\r\n"), with("Content-Length:37\r\n"), with("content-LENGTH:  \t37  \r\n"),
        with("Content-Length: 0037\r\n"), with("X:\r\nContent-Length: 37\r\n"),
        with("X: \xc3\xa4 a\tb\r\nContent-Length: 37\r\n"), with("TRANSFER-encoding:\tChunked \r\n", chunk() + end),
        chunks(chunk() + end), chunks(chunk("0000000025\r\n") + end), chunks(chunk("25;name=\"va;lue\"\r\n") + end),
        chunks(chunk() + "\r\n000\r\nX: y\r\nAuthorization: z\r\n\r\n"), "\r\n\r\n" + with("Content-Length: 37\r\n"),
        with("Content-Length: 37\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n"),
        "POST http://x:1/write HTTP/1.1\r\nHost: x\r\nContent-Length: 37\r\n\r\n" + std::string(kRow),
        "POST https://x/write?precision=n HTTP/1.1\r\nContent-Length: 37\r\n\r\n" + std::string(kRow)}) {
    // Empty lines come before a request that is not the first one: what a client speaks is known by its first byte.
    const bool behind = request.front() == '\r';
    if (behind) {
      const Outcome outcome = outcome_of(std::string(kHidden) + request, 1);
      EXPECT_EQ(statuses_of(outcome.answers), (std::vector<int>{204, 204}));
    } else {
      expect_taken(request);
    }
  }
}

TEST_F(HttpStrictnessTest, AnswersHeadWithoutABody) {
  const Outcome outcome = outcome_of("HEAD /settings HTTP/1.1\r\nHost: x\r\n\r\n" + std::string(kHidden), 1000);
  EXPECT_EQ(statuses_of(outcome.answers), (std::vector<int>{200, 204}));
  EXPECT_EQ(outcome.answers.find('{'), std::string::npos);
  expect_refused("HEAD /none HTTP/1.1\r\nHost: x\r\n\r\n", 404);
}

TEST_F(HttpStrictnessTest, SkipsAByteOrderMarkBeforeTheFirstLine) {
  const std::string mark = "\xEF\xBB\xBF";
  const std::string row(kRow);
  for (const std::size_t piece : {1000u, 1u}) {
    const std::string body = mark + row;
    const Outcome http = outcome_of("POST /write HTTP/1.1\r\nContent-Length: 40\r\n\r\n" + body + std::string(kHidden) +
                                        "POST /write HTTP/1.1\r\nContent-Length: 40\r\n\r\n" + body,
                                    piece);
    EXPECT_EQ(statuses_of(http.answers), (std::vector<int>{204, 204, 204}));
    const Outcome lines = outcome_of(mark + row + row, piece);
    EXPECT_EQ(lines.records.find(mark), std::string::npos);
    EXPECT_NE(lines.records.find("FIRST"), std::string::npos);
    // Elsewhere, and when it is torn, it is what it is: no line.
    EXPECT_EQ(statuses_of(outcome_of("POST /write HTTP/1.1\r\nContent-Length: 2\r\n\r\n\xEF\xBB", piece).answers),
              std::vector<int>{400});
    EXPECT_NE(outcome_of(row + mark + row, piece).records.find(mark), std::string::npos);
    EXPECT_NE(outcome_of("\xEF\xBB", piece).records.find("\xEF\xBB"), std::string::npos);
  }
}

}  // namespace
}  // namespace tickforge::testing
