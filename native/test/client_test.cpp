#include "client/client.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "testing/ingest_harness.h"
#include "testing/journal_files.h"

namespace tickforge::testing {
namespace {

class ClientTest : public IngestTest {
 protected:
  std::unique_ptr<Client> connected(wire::AckLevel level = wire::AckLevel::kDurable) {
    auto client = Client::connect(unix_address(), {}, level);
    EXPECT_TRUE(client) << client.error().message;
    return client.take();
  }
  static InstrumentDefinition bitcoin() {
    InstrumentDefinition definition;
    definition.venue = "test";
    definition.symbol = "BTC-USD";
    definition.price_exponent = -2;
    return definition;
  }
};

TEST_F(ClientTest, DefinesSendsAndWaitsForDurability) {
  start();
  for (const std::string& address : {unix_address(), tcp_address()}) {
    auto client = Client::connect(address).take();
    const std::uint32_t instrument = client->define(bitcoin()).take();
    const std::uint16_t connection = client->open_connection("test", "wss://x").take();
    Trade trade = make_trade(realtime_ns(), 77, instrument);
    trade.head.frame = std::uint64_t{connection} << kFrameNumberBits | 1;
    const std::uint64_t batch = client->send(trade).take();
    EXPECT_EQ(batch, 3u);
    ASSERT_TRUE(client->wait(batch));
    EXPECT_EQ(client->acknowledged(), 3u);
    ASSERT_TRUE(client->close_connection(connection, 1000, "done"));
    ASSERT_TRUE(client->wait(client->last_sent()));
  }
  const auto records = writer_->wait_for(7);
  EXPECT_EQ(price_of(records[2]), 77);
  EXPECT_EQ(head_in(records[5]).instrument, head_in(records[2]).instrument);
}

TEST_F(ClientTest, TellsWhatWasRefused) {
  start();
  auto client = connected();
  const std::uint64_t batch = client->send(make_trade(realtime_ns(), 1, 5)).take();
  auto waited = client->wait(batch);
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, "TF_REFUSED");
  const auto refused = client->take_refused();
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].code, wire::Code::kInstrument);
  EXPECT_TRUE(client->wait(batch)) << "it has been told";
}

TEST_F(ClientTest, TellsWhyItIsNotLetIn) {
  start([](IngestOptions& options) { options.token = "secret"; });
  auto refused = Client::connect(unix_address(), "wrong");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "TF_REFUSED");
  EXPECT_NE(refused.error().message.find("token"), std::string::npos);
  EXPECT_TRUE(Client::connect(tcp_address(), "secret"));
}

TEST_F(ClientTest, TellsThatNobodyListens) {
  auto refused = Client::connect("unix:" + directory_.file("nobody"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "TF_CONNECT");
  EXPECT_EQ(Client::connect("http://x").error().code, "TF_USAGE");
}

TEST_F(ClientTest, RefusesABatchThatTheServerWouldNotTake) {
  start();
  auto client = connected();
  const Bytes large(client->welcome().payload_bytes_max + kCellBytes);
  EXPECT_EQ(client->send(large.data(), large.size() / kCellBytes).error().code, "TF_BATCH_TOO_LARGE");
}

TEST_F(ClientTest, ReadsRefusalsWhileItSendsSoThatNeitherSideWaitsForEver) {
  start([](IngestOptions& options) { options.answer_bytes_max = 1000; });
  auto client = connected();
  for (int i = 0; i < 20'000; ++i) ASSERT_TRUE(client->send(make_trade(realtime_ns(), 1, 5)));
  EXPECT_FALSE(client->wait(client->last_sent()));
  EXPECT_EQ(client->take_refused().size(), 20'000u);
}

TEST_F(ClientTest, TellsThatTheServerStopped) {
  start();
  auto client = connected();
  server_->stop();
  auto sent = client->send(make_trade(realtime_ns(), 1, 5));
  auto waited = sent ? client->wait(1) : Result<void>(sent.error());
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, "TF_DISCONNECTED");
}

TEST_F(ClientTest, RunsTheExampleOfTheDocumentation) {
  start();
  const std::string command = std::string(TICKFORGE_EXAMPLE) + " " + tcp_address() + " > /dev/null";
  EXPECT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(price_of(writer_->wait_for(3)[1]), 6'000'050);
}

}  // namespace
}  // namespace tickforge::testing
