// One slow, silent or hostile client must not cost the others anything.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <fcntl.h>

#include <algorithm>
#include <cstring>

#include "testing/ingest_harness.h"
#include "testing/seeded_random.h"

namespace tickforge::testing {
namespace {

using wire::AckLevel;
using wire::AnswerKind;
using wire::Code;

constexpr std::int64_t kMs = 1'000'000;

class IngestLimitsTest : public IngestTest {
 protected:
  /// A well-behaved client gets a batch recorded and acknowledged.
  void expect_served() {
    BareClient client(unix_address());
    client.hello(AckLevel::kDurable);
    client.send_batch(1, definition(1) + trade_record(1, 1));
    EXPECT_EQ(client.answer().batch, 1u);
  }
};

Bytes many_trades(std::size_t count) {
  Bytes payload;
  for (std::size_t i = 0; i < count; ++i) {
    const Bytes trade = trade_record(1, static_cast<std::int64_t>(i));
    payload.insert(payload.end(), trade.begin(), trade.end());
  }
  return payload;
}

TEST_F(IngestLimitsTest, RefusesClientsBeyondItsLimitAndTakesThemWhenOthersHaveLeft) {
  start([](IngestOptions& options) { options.clients_max = 2; });
  BareClient first(unix_address());
  first.hello(AckLevel::kDurable);
  BareClient second(tcp_address());
  second.hello(AckLevel::kDurable);
  BareClient third(unix_address());
  EXPECT_TRUE(third.at_end());
  EXPECT_EQ(server_->stats().clients_refused.get(), 1u);
  second.close();
  ASSERT_TRUE(eventually([&] { return server_->stats().clients.get() == 1; }));
  expect_served();
}

TEST_F(IngestLimitsTest, LetsAHolderOfTheTokenInWhenAllPlacesAreTakenByClientsWithoutIt) {
  start([](IngestOptions& options) {
    options.clients_max = 2;
    options.token = "secret";
  });
  BareClient first(tcp_address());
  BareClient second(tcp_address());
  for (BareClient* one : {&first, &second}) {
    one->send("GET /ping HTTP/1.1\r\n\r\n");
    EXPECT_NE(one->read_until("\r\n\r\n").find("204"), std::string::npos);
  }
  BareClient holder(unix_address());
  holder.hello(AckLevel::kDurable, "secret");
  EXPECT_TRUE(first.at_end()) << "the oldest one makes room";
  BareClient another(unix_address());
  another.hello(AckLevel::kDurable, "secret");
  EXPECT_TRUE(second.at_end());
  BareClient late(tcp_address());
  EXPECT_TRUE(late.at_end()) << "who was let in stays";
}

TEST_F(IngestLimitsTest, GivesAClientWithoutTheTokenAShortTimeWhateverItAsks) {
  start([](IngestOptions& options) {
    options.token = "secret";
    options.hello_ns = 50 * kMs;
  });
  BareClient client(tcp_address());
  client.send("GET /ping HTTP/1.1\r\n\r\n");
  EXPECT_NE(client.read_until("\r\n\r\n").find("204"), std::string::npos);
  EXPECT_TRUE(client.at_end());
}

TEST_F(IngestLimitsTest, EndsAClientThatNeverSaysHello) {
  start([](IngestOptions& options) { options.hello_ns = 50 * kMs; });
  BareClient silent(unix_address());
  BareClient halfway(unix_address());
  const Bytes hello = hello_bytes(AckLevel::kDurable);
  halfway.send(hello.data(), 15);
  EXPECT_TRUE(silent.at_end());
  EXPECT_EQ(halfway.answer().code, Code::kTimeout);
  EXPECT_TRUE(halfway.at_end());
  EXPECT_EQ(refused(Code::kTimeout), 2u);
  expect_served();
}

TEST_F(IngestLimitsTest, EndsASilentClientAndRecordsTheEndOfItsConnections) {
  start([](IngestOptions& options) { options.idle_ns = 80 * kMs; });
  BareClient client(unix_address());
  client.hello(AckLevel::kDurable);
  client.send_batch(1, definition(1) + open_record(1));
  EXPECT_EQ(client.answer().batch, 1u);
  // A sign of life is one.
  for (std::uint64_t batch = 2; batch < 8; ++batch) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    client.send_batch(batch, {});
    EXPECT_EQ(client.answer().batch, batch);
  }
  EXPECT_EQ(client.answer().code, Code::kTimeout);
  EXPECT_EQ(writer_->wait_for(4).size(), 4u);
}

TEST_F(IngestLimitsTest, DoesNotCallAClientSilentThatWaitsForItsAcknowledgement) {
  start([](IngestOptions& options) { options.idle_ns = 30 * kMs; });
  writer_->hold_durable(true);
  BareClient client(unix_address());
  client.hello(AckLevel::kDurable);
  client.send_batch(1, definition(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  writer_->hold_durable(false);
  EXPECT_EQ(client.answer().batch, 1u);
}

TEST_F(IngestLimitsTest, StopsReadingFromAClientThatDoesNotReadItsAnswersAndDropsItInTheEnd) {
  start([](IngestOptions& options) {
    options.answer_ns = 200 * kMs;
    options.answer_bytes_max = 1000;
  });
  BareClient client(unix_address());
  client.hello(AckLevel::kNone);
  // Each refusal is an answer; the client's socket is full at some time, and then the server's patience ends.
  const int flags = ::fcntl(client.fd(), F_GETFL);
  ::fcntl(client.fd(), F_SETFL, flags | O_NONBLOCK);
  std::uint64_t batch = 0;
  Bytes unsent;
  const bool dropped = eventually([&] {
    for (int i = 0; i < 1000; ++i) {
      if (unsent.empty()) unsent = batch_bytes(++batch, trade_record(9, 1));
      const ssize_t sent = ::send(client.fd(), unsent.data(), unsent.size(), MSG_NOSIGNAL);
      if (sent <= 0) break;
      unsent.erase(unsent.begin(), unsent.begin() + sent);
    }
    return server_->stats().clients.get() == 0;
  });
  EXPECT_TRUE(dropped);
  EXPECT_EQ(refused(Code::kTimeout), 1u);
  EXPECT_LT(refused(Code::kInstrument), 50'000u) << "it was not read from for ever";
  expect_served();
}

TEST_F(IngestLimitsTest, ReadsOnWhenAClientReadsItsAnswersAfterAll) {
  start([](IngestOptions& options) { options.answer_bytes_max = 1000; });
  BareClient client(unix_address());
  client.hello(AckLevel::kDurable);
  constexpr std::uint64_t kBatches = 20'000;
  std::thread sender([&] {
    for (std::uint64_t batch = 1; batch <= kBatches; ++batch) client.send_batch(batch, trade_record(9, 1));
  });
  // The answers do not fit what the kernel keeps of them.
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  std::uint64_t refusals = 0;
  Answer answer;
  while (answer.kind != AnswerKind::kAck || answer.batch < kBatches) {
    answer = client.answer();
    ASSERT_FALSE(answer.closed);
    if (answer.kind == AnswerKind::kRefused) {
      refusals += 1;
      ASSERT_EQ(answer.batch, refusals) << "in order";
    }
  }
  EXPECT_EQ(refusals, kBatches);
  sender.join();
}

TEST_F(IngestLimitsTest, WaitsForRoomInTheRingAndLosesNothing) {
  start();
  writer_->stall(true);
  constexpr std::uint64_t kBatches = 100;
  constexpr std::size_t kTrades = 500;
  BareClient client(unix_address());
  client.hello(AckLevel::kDurable);
  std::thread sender([&] {
    client.send_batch(1, definition(1));
    for (std::uint64_t batch = 2; batch <= kBatches; ++batch) client.send_batch(batch, many_trades(kTrades));
  });
  ASSERT_TRUE(eventually([&] { return server_->stats().waits.get() >= 1; }));
  // Somebody else comes while there is no room: its turn is not behind all of the first one's.
  BareClient other(tcp_address());
  other.send(hello_bytes(AckLevel::kDurable) + batch_bytes(1, definition(1) + trade_record(1, -5)));
  writer_->stall(false);
  other.read(sizeof(wire::Welcome));
  EXPECT_EQ(other.answer().batch, 1u);
  Answer answer;
  while (answer.batch < kBatches && !answer.closed) answer = client.answer();
  EXPECT_EQ(answer.batch, kBatches);
  sender.join();
  const auto records = writer_->wait_for(2 + (kBatches - 1) * kTrades);
  std::int64_t next = 0;
  for (std::size_t i = 1; i < records.size(); ++i) {
    if (price_of(records[i]) == -5) continue;
    ASSERT_EQ(price_of(records[i]), next) << "record " << i;
    next = (next + 1) % static_cast<std::int64_t>(kTrades);
  }
}

TEST_F(IngestLimitsTest, RecordsTheEndOfAClientThatLeftWhileThereWasNoRoom) {
  start();
  writer_->stall(true);
  BareClient leaver(unix_address());
  leaver.hello(AckLevel::kNone);
  leaver.send_batch(1, definition(1) + open_record(1));
  ASSERT_TRUE(eventually([&] { return server_->stats().batches.get() == 1; }));
  BareClient filler(unix_address());
  filler.hello(AckLevel::kNone);
  filler.send_batch(1, definition(1));
  std::thread sender([&] {
    for (std::uint64_t batch = 2; batch < 60; ++batch) filler.send_batch(batch, many_trades(500));
  });
  ASSERT_TRUE(eventually([&] { return server_->stats().waits.get() >= 1; }));
  leaver.close();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  writer_->stall(false);
  sender.join();
  EXPECT_TRUE(eventually([&] { return server_->stats().connections.get() == 0; }));
  const auto records = writer_->wait_for(2 + 58 * 500 + 2);
  EXPECT_EQ(std::count_if(records.begin(), records.end(),
                          [](const Bytes& record) { return record[1] == static_cast<std::uint8_t>(RecordType::kGap); }),
            1);
}

TEST_F(IngestLimitsTest, ServesAHundredClientsAtOnce) {
  start();
  constexpr std::size_t kClients = 100;
  constexpr std::uint64_t kBatches = 20;
  std::vector<std::unique_ptr<BareClient>> clients;
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<BareClient>(i % 2 == 0 ? unix_address() : tcp_address()));
    clients.back()->hello(AckLevel::kDurable);
  }
  for (std::uint64_t batch = 1; batch <= kBatches; ++batch) {
    for (std::size_t i = 0; i < kClients; ++i) {
      const auto value = static_cast<std::int64_t>(i * 1000 + batch);
      clients[i]->send_batch(batch, batch == 1 ? definition(1) + open_record(1)
                                               : trade_record(1, value, 1) + trade_record(1, value, 1));
    }
  }
  for (const auto& client : clients) {
    Answer answer;
    while (answer.batch < kBatches && !answer.closed) answer = client->answer();
    EXPECT_EQ(answer.batch, kBatches);
  }
  const auto records = writer_->wait_for(1 + kClients + kClients * (kBatches - 1) * 2);
  // Of each client in its order, and each batch in one piece.
  std::vector<std::int64_t> last(kClients);
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i][1] != static_cast<std::uint8_t>(RecordType::kTrade)) continue;
    const std::int64_t price = price_of(records[i]);
    ASSERT_EQ(price_of(records[i + 1]), price);
    std::int64_t& before = last[static_cast<std::size_t>(price / 1000)];
    ASSERT_GT(price, before);
    before = price;
    i += 1;
  }
}

TEST_F(IngestLimitsTest, StandsWhateverBytesAreSent) {
  start([](IngestOptions& options) { options.hello_ns = 100 * kMs; });
  SeededRandom random(20'240'808);
  BareClient good(unix_address());
  good.hello(AckLevel::kDurable);
  good.send_batch(1, definition(1));
  EXPECT_EQ(good.answer().batch, 1u);
  for (int i = 0; i < 300; ++i) {
    BareClient hostile(i % 2 == 0 ? unix_address() : tcp_address());
    Bytes bytes = i % 3 == 0 ? Bytes() : hello_bytes(AckLevel::kDurable) + batch_bytes(1, definition(1) + open_record(1));
    if (i % 3 == 1) bytes[random.below(bytes.size())] ^= static_cast<std::uint8_t>(1 + random.below(255));
    const std::size_t more = random.below(300);
    for (std::size_t j = 0; j < more; ++j) bytes.push_back(static_cast<std::uint8_t>(random.below(256)));
    // Refused sends are answers, too.
    (void)::send(hostile.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (i % 5 == 0) hostile.half_close();
  }
  good.send_batch(2, trade_record(1, 99));
  EXPECT_EQ(good.answer().batch, 2u);
  EXPECT_TRUE(eventually([&] { return server_->stats().clients.get() == 1; }));
  EXPECT_EQ(server_->stats().connections.get(), 0u);
}

TEST_F(IngestLimitsTest, TurnsClientsAwayWhenThereIsNoFileDescriptorLeftAndDoesNotSpin) {
  start();
  BareClient good(unix_address());
  good.hello(AckLevel::kDurable);
  // Sockets of clients, made while there are descriptors.
  std::vector<UniqueFd> sockets;
  for (int i = 0; i < 4; ++i) sockets.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{static_cast<rlim_t>(sockets.back().get() + 1), before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  // Holes below the limit.
  std::vector<UniqueFd> holes;
  for (;;) {
    UniqueFd hole(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!hole) break;
    holes.push_back(std::move(hole));
  }
  for (const UniqueFd& socket : sockets) connect_to(socket.get(), unix_address());
  EXPECT_TRUE(eventually([&] { return server_->stats().clients_refused.get() == 4; }));
  // Clients that are there are served.
  good.send_batch(1, definition(1));
  EXPECT_EQ(good.answer().batch, 1u);
  rusage usage_before{};
  ::getrusage(RUSAGE_SELF, &usage_before);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  rusage usage_after{};
  ::getrusage(RUSAGE_SELF, &usage_after);
  const auto used_us = [](const rusage& usage) {
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
  };
  EXPECT_LT(used_us(usage_after) - used_us(usage_before), 100'000) << "a thread that spins uses all of the time";
  holes.clear();
  ::setrlimit(RLIMIT_NOFILE, &before);
  expect_served();
}

}  // namespace
}  // namespace tickforge::testing
