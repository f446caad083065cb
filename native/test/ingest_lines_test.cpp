#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>

#include "ingest/connection_records.h"
#include "testing/ingest_harness.h"
#include "testing/protocol_run.h"
#include "testing/journal_files.h"

namespace tickforge::testing {
namespace {

using wire::Code;

constexpr std::string_view kRow = "trades,symbol=BTC-USD,side=buy price=60000.50,amount=0.1 1723118400000000000\n";

std::string post(std::string_view body, std::string_view headers = {}, std::string_view target = "/write?precision=n") {
  return "POST " + std::string(target) + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(headers) + "\r\n" + std::string(body);
}

std::size_t count_of(const std::vector<Bytes>& records, RecordType type) {
  return static_cast<std::size_t>(
      std::count_if(records.begin(), records.end(), [type](const Bytes& one) { return type_of(one) == type; }));
}

class IngestHttpTest : public IngestTest {
 protected:
  std::string ask(const std::string& request, std::string_view end = "\r\n\r\n") {
    BareClient client(tcp_address());
    client.send(request);
    return client.read_until(end);
  }
  /// Status and body of an answer that has one.
  static std::string status_of(const std::string& answer) { return answer.substr(9, 3); }
};

TEST_F(IngestHttpTest, TellsTheVersionsOfTheLineProtocolToWhoeverAsks) {
  start([](IngestOptions& options) { options.token = "secret"; });
  const std::string answer = ask("GET /settings HTTP/1.1\r\nHost: x\r\n\r\n", "}}");
  EXPECT_EQ(status_of(answer), "200");
  EXPECT_NE(answer.find("\"line.proto.support.versions\":[1,2,3]"), std::string::npos);
  EXPECT_NE(answer.find("Content-Type: application/json\r\n"), std::string::npos);
  EXPECT_EQ(status_of(ask("GET /ping HTTP/1.1\r\n\r\n")), "204");
}

TEST_F(IngestHttpTest, AnswersWhenTheRowsAreDurableAndNotBefore) {
  start();
  writer_->hold_durable(true);
  BareClient client(tcp_address());
  client.send(post(kRow));
  const auto records = writer_->wait_for(3);
  EXPECT_EQ(type_of(records[0]), RecordType::kConnection);
  EXPECT_EQ(type_of(records[1]), RecordType::kInstrument);
  EXPECT_EQ(type_of(records[2]), RecordType::kTrade);
  EXPECT_EQ(price_of(records[2]), 6'000'050);
  EXPECT_EQ(head_in(records[2]).ts_event, 1'723'118'400'000'000'000);
  EXPECT_TRUE(eventually([&] { return writer_->durable_asked() != 0; }));
  char none;
  EXPECT_EQ(::recv(client.fd(), &none, 1, MSG_DONTWAIT), -1);
  writer_->hold_durable(false);
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 204 No Content\r\nServer: tickforge\r\n\r\n");
}

TEST_F(IngestHttpTest, TakesRequestsOneBehindTheOtherOnOneConnection) {
  start();
  BareClient client(tcp_address());
  client.send(post(kRow) + "GET /ping HTTP/1.1\r\n\r\n" + post("trades,symbol=A price=1,amount=2") + post(""));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(status_of(client.read_until("\r\n\r\n")), "204");
  EXPECT_EQ(server_->stats().requests.get(), 4u);
  EXPECT_EQ(server_->stats().rows.get(), 2u) << "the last line of a body needs no end";
}

TEST_F(IngestHttpTest, ReadsChunkedBodiesTornAtEveryByte) {
  start();
  const std::string row(kRow);
  const auto chunk = [](const std::string& text) {
    char length[16];
    std::snprintf(length, sizeof length, "%zx\r\n", text.size());
    return length + text + "\r\n";
  };
  const std::string request = "POST /api/v2/write?precision=ns HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
                              chunk(row.substr(0, 10)) + chunk(row.substr(10) + row.substr(0, 20)) +
                              chunk(row.substr(20)) + "0\r\n\r\n";
  std::uint64_t sent = 0;
  for (std::size_t cut = 1; cut < request.size(); ++cut) {
    BareClient client(unix_address());
    client.send(std::string_view(request).substr(0, cut));
    ASSERT_TRUE(eventually([&] { return server_->stats().bytes.get() == sent + cut; }));
    client.send(std::string_view(request).substr(cut));
    sent += request.size();
    ASSERT_EQ(status_of(client.read_until("\r\n\r\n")), "204") << "cut at byte " << cut;
    ASSERT_EQ(server_->stats().rows.get(), 2 * cut);
  }
}

TEST_F(IngestHttpTest, NamesTheFirstLineThatCannotBeReadAndKeepsItAsText) {
  start();
  const std::string answer = ask(post(std::string(kRow) + "trades,symbol=A price=1,amount=\n" + std::string(kRow)), "}");
  EXPECT_EQ(status_of(answer), "400");
  EXPECT_NE(answer.find("{\"code\":\"invalid\",\"message\":\"failed to parse line protocol: line 2, byte "),
            std::string::npos)
      << answer;
  EXPECT_NE(answer.find(",\"line\":2,\"errorId\":\"tickforge-"), std::string::npos) << answer;
  const auto records = writer_->wait_for(6);
  EXPECT_EQ(count_of(records, RecordType::kTrade), 2u);
  EXPECT_EQ(count_of(records, RecordType::kText), 1u);
  EXPECT_EQ(server_->stats().lines.get(), 3u);
}

TEST_F(IngestHttpTest, CountsLinesOfEachRequestFromOne) {
  start();
  BareClient client(tcp_address());
  client.send(post(std::string(kRow) + std::string(kRow)));
  EXPECT_EQ(status_of(client.read_until("\r\n\r\n")), "204");
  client.send(post("x y\n"));
  EXPECT_NE(client.read_until("}").find("\"line\":1,"), std::string::npos);
  client.send(post(kRow));
  EXPECT_EQ(status_of(client.read_until("\r\n\r\n")), "204") << "the fault was the request's before";
}

TEST_F(IngestHttpTest, WantsTheTokenForLines) {
  start([](IngestOptions& options) { options.token = "secret"; });
  for (const char* header : {"", "Authorization: Bearer wrong\r\n", "Authorization: secret\r\n", "Authorization: Bearer \r\n"}) {
    const std::string answer = ask(post(kRow, header), "}");
    EXPECT_EQ(status_of(answer), "401") << header;
    EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
  }
  EXPECT_EQ(refused(Code::kToken), 4u);
  EXPECT_EQ(status_of(ask(post(kRow, "authorization: Bearer secret\r\n"))), "204");
  EXPECT_EQ(server_->stats().rows.get(), 1u);
}

TEST_F(IngestHttpTest, TakesTheTokenAsThePasswordOfAnyUser) {
  start([](IngestOptions& options) { options.token = "secret"; });
  // "admin:secret", ":secret", "a:b:secret" is the password "b:secret"; "admin:wrong", "secret", "admin:secre", no base64
  for (const char* right : {"Basic YWRtaW46c2VjcmV0", "basic  OnNlY3JldA=="}) {
    EXPECT_EQ(status_of(ask(post(kRow, std::string("Authorization: ") + right + "\r\n"))), "204") << right;
  }
  for (const char* wrong : {"Basic YTpiOnNlY3JldA==", "Basic YWRtaW46d3Jvbmc=", "Basic c2VjcmV0", "Basic YWRtaW46c2VjcmU=",
                            "Basic YWRtaW46c2VjcmV", "Basic YWRtaW4$c2VjcmV0", "Basic ====", "Basic", "Basic ",
                            "Digest YWRtaW46c2VjcmV0"}) {
    EXPECT_EQ(status_of(ask(post(kRow, std::string("Authorization: ") + wrong + "\r\n"), "}")), "401") << wrong;
  }
}

TEST_F(IngestHttpTest, RefusesWhatItDoesNotSpeak) {
  start([](IngestOptions& options) { options.body_bytes_max = 1000; });
  const auto status = [&](const std::string& request) { return status_of(ask(request, "}")); };
  EXPECT_EQ(status("GET /exec HTTP/1.1\r\n\r\n"), "404");
  EXPECT_EQ(status("GET /write HTTP/1.1\r\n\r\n"), "405");
  EXPECT_EQ(status(post(kRow, {}, "/write?precision=years")), "400");
  EXPECT_EQ(status(post(kRow, "Content-Encoding: gzip\r\n")), "415");
  EXPECT_EQ(status("POST /write HTTP/1.1\r\nContent-Length: 1001\r\n\r\n"), "413");
  EXPECT_EQ(status("POST /write HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'x')), "413");
  EXPECT_EQ(status("POST /write HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), "400");
  EXPECT_EQ(status("POST /write HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"), "400");
  EXPECT_EQ(status("POST /write HTTP/1.1\r\nContent-Length: -5\r\n\r\n"), "400");
  EXPECT_EQ(status("GET / HTTP/9.9\r\n\r\n"), "400");
  EXPECT_EQ(status("GET /write HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"), "405");
  std::string many = "GET /ping HTTP/1.1\r\n";
  for (int i = 0; i < 1000; ++i) many += "X-Header-" + std::to_string(i) + ": 0123456789\r\n";
  EXPECT_EQ(status(many), "431");
}

TEST_F(IngestHttpTest, ClosesWhenTheClientWantsThat) {
  start();
  BareClient client(tcp_address());
  client.send(post(kRow, "Connection: close\r\n"));
  EXPECT_EQ(status_of(client.read_until("\r\n\r\n")), "204");
  EXPECT_TRUE(client.at_end());
  EXPECT_TRUE(eventually([&] { return server_->stats().clients.get() == 0; }));
  EXPECT_EQ(server_->stats().connections.get(), 0u);
}

TEST_F(IngestHttpTest, EndsAConnectionInOrderThatItClosesItselfBehindAWholeRequest) {
  start();
  std::size_t expected = 0;
  std::string old = post(kRow);
  old.replace(old.find("HTTP/1.1"), 8, "HTTP/1.0");
  for (const std::string& request : {post(kRow, "Connection: close\r\n"), old}) {
    BareClient client(tcp_address());
    client.send(request);
    EXPECT_EQ(status_of(client.read_until("\r\n\r\n")), "204");
    EXPECT_TRUE(client.at_end());
    expected += expected == 0 ? 4 : 3;
    const auto records = writer_->wait_for(expected);
    EXPECT_EQ(count_of(records, RecordType::kGap), 0u);
    ASSERT_EQ(type_of(records.back()), RecordType::kConnection);
    EXPECT_EQ(reinterpret_cast<const Connection*>(records.back().data())->close_code, kClosedInOrder);
  }
}

TEST_F(IngestHttpTest, AnswersAWholeRequestBeforeItRefusesTheOneBehindIt) {
  start();
  for (const std::string bad : {"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", "garbage\r\n\r\n",
                                "POST /write HTTP/1.1\r\nContent-Length: x\r\n\r\n"}) {
    writer_->hold_durable(true);
    const std::uint64_t refused_before = refused(Code::kMalformed);
    BareClient client(tcp_address());
    client.send(post(kRow) + bad);
    ASSERT_TRUE(eventually([&] { return refused(Code::kMalformed) > refused_before; }));
    writer_->hold_durable(false);
    EXPECT_EQ(status_of(client.read_until("\r\n\r\n")), "204") << bad;
    EXPECT_EQ(status_of(client.read_until("}")).front(), '4') << bad;
    EXPECT_TRUE(client.at_end());
  }
}

TEST(IngestHttpBacklogTest, TakesNoMoreRequestsWhileTooManyAnswersWait) {
  ProtocolWorld world(small_options());
  for (const bool behind_a_post : {true, false}) {
    world.reset();
    ProtocolRun run(world);
    std::string text = behind_a_post ? post(kRow) : std::string();
    for (int i = 0; i < 10'000; ++i) text += "GET /ping HTTP/1.1\r\n\r\n";
    (void)run.read(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    EXPECT_TRUE(run.blocked());
    EXPECT_LT(world.context().stats.requests.get(), 3000u);
    run.leave();
  }
}

TEST_F(IngestHttpTest, SaysContinueToAClientThatAsks) {
  start();
  BareClient client(tcp_address());
  client.send("POST /write HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: " + std::to_string(kRow.size()) + "\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send(kRow);
  EXPECT_EQ(status_of(client.read_until("\r\n\r\n")), "204");
}

TEST_F(IngestHttpTest, LeavesNoGapBehindARequestThatWasWholeAndOneBehindOneThatWasNot) {
  start();
  {
    BareClient whole(tcp_address());
    whole.send(post(kRow));
    EXPECT_EQ(status_of(whole.read_until("\r\n\r\n")), "204");
  }
  auto records = writer_->wait_for(4);
  EXPECT_EQ(count_of(records, RecordType::kGap), 0u);
  {
    BareClient torn(tcp_address());
    const std::string request = post(kRow);
    torn.send(std::string_view(request).substr(0, request.size() - 5));
  }
  records = writer_->wait_for(8);
  EXPECT_EQ(type_of(records[5]), RecordType::kText) << "what came of the line is kept";
  EXPECT_EQ(type_of(records[6]), RecordType::kGap);
  EXPECT_EQ(type_of(records[7]), RecordType::kConnection);
}

TEST_F(IngestHttpTest, WaitsForRoomWithABodyLargerThanTheRing) {
  start();
  writer_->stall(true);
  std::string body;
  constexpr std::size_t kRows = 40'000;
  for (std::size_t i = 0; i < kRows; ++i) body += "trades,symbol=A price=" + std::to_string(i) + ",amount=1\n";
  BareClient client(tcp_address());
  std::thread sender([&] { client.send(post(body)); });
  ASSERT_TRUE(eventually([&] { return server_->stats().waits.get() >= 1; }));
  // Somebody else is answered meanwhile, if only what needs no room.
  writer_->stall(false);
  EXPECT_EQ(status_of(client.read_until("\r\n\r\n")), "204");
  sender.join();
  std::int64_t next = 0;
  for (const Bytes& record : writer_->records()) {
    if (type_of(record) != RecordType::kTrade) continue;
    ASSERT_EQ(price_of(record), next);
    next += 1;
  }
  EXPECT_EQ(next, static_cast<std::int64_t>(kRows));
}

TEST_F(IngestHttpTest, TellsAClientThatWaitsThatTheServerStops) {
  start();
  BareClient client(tcp_address());
  client.send("POST /write HTTP/1.1\r\nContent-Length: 100\r\n\r\n" + std::string(kRow).substr(0, 20));
  ASSERT_TRUE(eventually([&] { return server_->stats().requests.get() == 1; }));
  server_->stop();
  EXPECT_EQ(status_of(client.read_until("}")), "503");
}

class IngestLinesTest : public IngestTest {};

TEST_F(IngestLinesTest, RecordsBareLinesWithoutAnAnswer) {
  start();
  BareClient client(tcp_address());
  client.send(kRow);
  client.send("no line at all\n");
  client.send(kRow.substr(0, 30));
  const auto records = writer_->wait_for(4);
  EXPECT_EQ(type_of(records[0]), RecordType::kConnection);
  EXPECT_EQ(type_of(records[2]), RecordType::kTrade);
  EXPECT_EQ(type_of(records[3]), RecordType::kText);
  client.send(kRow.substr(30));
  client.half_close();
  EXPECT_TRUE(client.at_end());
  const auto all = writer_->wait_for(6);
  EXPECT_EQ(type_of(all[4]), RecordType::kTrade);
  EXPECT_EQ(type_of(all[5]), RecordType::kConnection);
  EXPECT_EQ(connection_in(all[5]), connection_in(all[4]));
  EXPECT_EQ(server_->stats().rows.get(), 2u);
  EXPECT_EQ(server_->stats().lines.get(), 3u);
}

TEST_F(IngestLinesTest, KeepsATornLineAsTextAndRecordsAGap) {
  start();
  BareClient client(unix_address());
  client.send(kRow);
  client.send(kRow.substr(0, 30));
  writer_->wait_for(3);
  client.close();
  const auto records = writer_->wait_for(6);
  EXPECT_EQ(type_of(records[3]), RecordType::kText);
  EXPECT_EQ(type_of(records[4]), RecordType::kGap);
  EXPECT_EQ(type_of(records[5]), RecordType::kConnection);
}

TEST_F(IngestLinesTest, RefusesBareLinesWhenThereIsATokenAndSaysHowElse) {
  start([](IngestOptions& options) { options.token = "secret"; });
  BareClient client(tcp_address());
  client.send(kRow);
  const std::string answer = client.read_until("\n");
  EXPECT_NE(answer.find("Authorization: Bearer"), std::string::npos) << answer;
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(refused(Code::kTextRefused), 1u);
  EXPECT_TRUE(writer_->records().empty());
}

TEST_F(IngestLinesTest, EndsAClientWhoseLineNeverEnds) {
  start([](IngestOptions& options) { options.line_bytes_max = 2000; });
  BareClient client(tcp_address());
  client.send(kRow);
  client.send(std::string(3000, 'x'));
  EXPECT_NE(client.read_until("\n").find("longer than 2000 bytes"), std::string::npos);
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(refused(Code::kTooLarge), 1u);
}

TEST_F(IngestLinesTest, TakesATableThatIsCalledLikeAVerbOfHttp) {
  start();
  BareClient client(tcp_address());
  client.send("GET x=1\nPOST\n");
  EXPECT_TRUE(eventually([&] { return server_->stats().lines.get() == 2; }));
}

}  // namespace
}  // namespace tickforge::testing
