#include <gtest/gtest.h>

#include <cstring>

#include "base/clock.h"
#include "testing/ingest_harness.h"
#include "testing/journal_files.h"

namespace tickforge::testing {
namespace {

using wire::AckLevel;
using wire::AnswerKind;
using wire::Code;

class IngestBinaryTest : public IngestTest {
 protected:
  /// A client that has instrument 1 and connection 3, in batch 1.
  std::unique_ptr<BareClient> prepared(AckLevel level = AckLevel::kDurable) {
    auto client = std::make_unique<BareClient>(unix_address());
    client->hello(level);
    client->send_batch(1, definition(1) + open_record(3));
    if (level != AckLevel::kNone) {
      EXPECT_EQ(client->answer().batch, 1u);
    }
    return client;
  }
  void expect_refused(BareClient& client, std::uint64_t batch, Code code, const Bytes& payload) {
    client.send_batch(batch, payload);
    const Answer answer = client.answer();
    EXPECT_EQ(answer.kind, AnswerKind::kRefused) << answer.text;
    EXPECT_EQ(answer.code, code) << answer.text;
    EXPECT_EQ(answer.batch, batch);
    EXPECT_FALSE(answer.text.empty());
    EXPECT_EQ(refused(code), 1u);
    // It is passed over by the acknowledgement that follows.
    const Answer ack = client.answer();
    EXPECT_EQ(ack.kind, AnswerKind::kAck);
    EXPECT_EQ(ack.batch, batch);
  }
};

template <typename Record>
Bytes changed(Bytes bytes, void (*change)(Record&)) {
  Record record;
  std::memcpy(&record, bytes.data(), sizeof record);
  change(record);
  std::memcpy(bytes.data(), &record, sizeof record);
  return bytes;
}

TEST_F(IngestBinaryTest, AcknowledgesWhatItTookBeforeItRefusesTheNextBatch) {
  start();
  writer_->hold_durable(true);
  BareClient client(unix_address());
  client.hello(AckLevel::kDurable);
  client.send(batch_bytes(1, definition(1) + trade_record(1, 1)) + batch_bytes(1, trade_record(1, 2)));
  ASSERT_TRUE(eventually([&] { return refused(Code::kBatchNumber) == 1; }));
  writer_->hold_durable(false);
  const Answer first = client.answer();
  EXPECT_EQ(first.kind, AnswerKind::kAck);
  EXPECT_EQ(first.batch, 1u);
  const Answer second = client.answer();
  EXPECT_EQ(second.kind, AnswerKind::kError);
  EXPECT_EQ(second.code, Code::kBatchNumber);
  EXPECT_TRUE(client.at_end());
}

TEST_F(IngestBinaryTest, RecordsABatchUnderTheNumbersOfTheJournalAndAcknowledgesIt) {
  rings_->table().next_instrument.store(41);
  rings_->table().next_connection.store(700);
  start();
  for (const std::string& address : {unix_address(), tcp_address()}) {
    BareClient client(address);
    client.hello(AckLevel::kDurable);
    client.send_batch(1, definition(9, address) + open_record(3));
    client.send_batch(5, trade_record(9, 100, 3) + trade_record(9, 101, 3));
    Answer ack = client.answer();
    if (ack.batch == 1) ack = client.answer();
    EXPECT_EQ(ack.kind, AnswerKind::kAck);
    EXPECT_EQ(ack.level, AckLevel::kDurable);
    EXPECT_EQ(ack.batch, 5u);
    client.send_batch(6, close_record(3));
    EXPECT_EQ(client.answer().batch, 6u);
  }
  const auto records = writer_->wait_for(10);
  EXPECT_EQ(head_in(records[0]).instrument, 41u);
  EXPECT_EQ(connection_in(records[1]), 700u);
  EXPECT_EQ(head_in(records[2]).instrument, 41u);
  EXPECT_EQ(connection_in(records[2]), 700u);
  EXPECT_EQ(head_in(records[2]).frame & 0xFFFF'FFFF'FFFF, 7u) << "the frame number is the client's";
  EXPECT_EQ(price_of(records[3]), 101);
  EXPECT_EQ(connection_in(records[4]), 700u);
  EXPECT_EQ(head_in(records[7]).instrument, 42u);
  EXPECT_EQ(connection_in(records[7]), 701u);
  EXPECT_EQ(server_->stats().batches.get(), 6u);
  EXPECT_EQ(server_->stats().records.get(), 10u);
}

TEST_F(IngestBinaryTest, TakesAStreamThatIsTornAtEveryByte) {
  start();
  const Bytes stream = hello_bytes(AckLevel::kDurable) + batch_bytes(1, definition(1) + open_record(2)) +
                       batch_bytes(2, {}) + batch_bytes(3, trade_record(1, 5, 2) + trade_record(1, 6, 2)) +
                       batch_bytes(4, close_record(2));
  std::uint64_t sent = 0;
  for (std::size_t cut = 1; cut < stream.size(); ++cut) {
    BareClient client(unix_address());
    client.send(stream.data(), cut);
    // The server has read the first part before the second one comes.
    ASSERT_TRUE(eventually([&] { return server_->stats().bytes.get() == sent + cut; }));
    client.send(stream.data() + cut, stream.size() - cut);
    sent += stream.size();
    client.read(sizeof(wire::Welcome));
    Answer last;
    while (last.batch < 4 && !last.closed) last = client.answer();
    ASSERT_EQ(last.batch, 4u) << "cut at byte " << cut;
  }
  EXPECT_EQ(server_->stats().definitions.get(), 1u);
}

TEST_F(IngestBinaryTest, TakesAStreamThatComesByteByByte) {
  start();
  const Bytes stream = hello_bytes(AckLevel::kDurable) + batch_bytes(1, definition(1)) + batch_bytes(2, trade_record(1, 5));
  BareClient client(tcp_address());
  for (const std::uint8_t byte : stream) ASSERT_TRUE(client.send(&byte, 1));
  client.read(sizeof(wire::Welcome));
  Answer last;
  while (last.batch < 2 && !last.closed) last = client.answer();
  EXPECT_EQ(last.batch, 2u);
  EXPECT_EQ(price_of(writer_->wait_for(2)[1]), 5);
}

TEST_F(IngestBinaryTest, AcknowledgesOnlyTheLevelThatWasAskedFor) {
  start();
  writer_->hold_durable(true);
  auto appended = prepared(AckLevel::kAppended);
  auto written = prepared(AckLevel::kWritten);
  BareClient durable(unix_address());
  durable.hello(AckLevel::kDurable);
  durable.send_batch(1, definition(1));
  durable.send_batch(2, trade_record(1, 1));
  ASSERT_TRUE(eventually([&] { return server_->stats().batches.get() == 4; }));
  // The others have long got theirs; nothing may have come here.
  appended->send_batch(2, trade_record(1, 1));
  EXPECT_EQ(appended->answer().batch, 2u);
  writer_->hold_durable(false);
  EXPECT_EQ(durable.answer().batch, 2u) << "one acknowledgement for both";
}

TEST_F(IngestBinaryTest, AsksTheWriterForDurabilityAtOnceWhenAClientWantsIt) {
  start();
  writer_->hold_durable(true);
  BareClient other(unix_address());
  other.hello(AckLevel::kWritten);
  other.send_batch(1, definition(1));
  EXPECT_EQ(other.answer().batch, 1u);
  EXPECT_EQ(writer_->durable_asked(), 0u);
  BareClient client(unix_address());
  client.hello(AckLevel::kDurable);
  client.send_batch(1, definition(1) + trade_record(1, 5));
  EXPECT_TRUE(eventually([&] { return writer_->durable_asked() == 3; })) << "two cells of a definition and a trade";
  writer_->hold_durable(false);
}

TEST_F(IngestBinaryTest, TellsRefusalsToAClientThatWantsNoAcknowledgements) {
  start();
  BareClient client(unix_address());
  client.hello(AckLevel::kNone);
  client.send_batch(1, definition(1));
  client.send_batch(2, trade_record(2, 1));
  const Answer answer = client.answer();
  EXPECT_EQ(answer.kind, AnswerKind::kRefused);
  EXPECT_EQ(answer.batch, 2u);
}

TEST_F(IngestBinaryTest, AcknowledgesASignOfLife) {
  start();
  auto client = prepared();
  client->send_batch(2, {});
  EXPECT_EQ(client->answer().batch, 2u);
}

TEST_F(IngestBinaryTest, RefusesAWholeBatchForItsLastRecord) {
  start();
  auto client = prepared();
  expect_refused(*client, 2, Code::kInstrument,
                 definition(2, "ETH-USD") + open_record(4) + trade_record(2, 1, 4) + trade_record(77, 1));
  EXPECT_EQ(writer_->records().size(), 2u);
  // Nothing that the batch defined or opened holds.
  client->send_batch(3, trade_record(2, 1));
  EXPECT_EQ(client->answer().code, Code::kInstrument);
  EXPECT_EQ(client->answer().batch, 3u);
  client->send_batch(4, trade_record(1, 1, 4));
  EXPECT_EQ(client->answer().code, Code::kConnection);
  EXPECT_EQ(client->answer().batch, 4u);
  // And the definition is written when it comes again.
  client->send_batch(5, definition(2, "ETH-USD") + trade_record(2, 9));
  EXPECT_EQ(client->answer().kind, AnswerKind::kAck);
  EXPECT_EQ(price_of(writer_->wait_for(4)[3]), 9);
}

TEST_F(IngestBinaryTest, KeepsAConnectionOpenThatARefusedBatchClosed) {
  start();
  auto client = prepared();
  expect_refused(*client, 2, Code::kInstrument, close_record(3) + trade_record(77, 1));
  client->send_batch(3, trade_record(1, 5, 3));
  EXPECT_EQ(client->answer().kind, AnswerKind::kAck);
}

TEST_F(IngestBinaryTest, RefusesRecordsOfConnectionsThatAreNotOpen) {
  start();
  auto client = prepared();
  client->send_batch(2, close_record(3));
  client->answer();
  expect_refused(*client, 3, Code::kConnection, trade_record(1, 1, 3));
}

TEST_F(IngestBinaryTest, RefusesToCloseWhatIsNotOpen) {
  start();
  auto client = prepared();
  expect_refused(*client, 2, Code::kConnection, close_record(4));
}

TEST_F(IngestBinaryTest, RefusesASegmentRecord) {
  start();
  auto client = prepared();
  expect_refused(*client, 2, Code::kForbidden, bytes_of(make_record<Segment>(RecordType::kSegment, realtime_ns())));
}

TEST_F(IngestBinaryTest, RefusesACopy) {
  start();
  auto client = prepared();
  expect_refused(*client, 2, Code::kForbidden,
                 changed<Instrument>(definition(2), [](Instrument& one) { one.head.flags |= kFlagCopy; }));
}

TEST_F(IngestBinaryTest, RefusesGapsThatOnlyTheJournalKnowsOf) {
  start();
  auto client = prepared(AckLevel::kNone);
  std::uint64_t batch = 2;
  const auto send = [&](std::uint8_t cause, std::uint32_t instrument, std::uint16_t connection) {
    Gap gap = make_record<Gap>(RecordType::kGap, realtime_ns(), instrument);
    gap.cause = cause;
    gap.head.frame = std::uint64_t{connection} << kFrameNumberBits;
    client->send_batch(batch++, bytes_of(gap));
  };
  for (const std::uint8_t cause : {6, 9, 10, 11, 200}) {
    send(cause, 1, 3);
    EXPECT_EQ(client->answer().code, Code::kForbidden) << "cause " << int{cause};
  }
  send(3, 0, 0);
  EXPECT_EQ(client->answer().code, Code::kForbidden) << "a gap of the whole journal";
  send(3, 1, 0);
  send(1, 0, 3);
  EXPECT_EQ(writer_->wait_for(4).size(), 4u);
}

TEST_F(IngestBinaryTest, TakesADropRecordUnlessItSpeaksForAProducer) {
  start();
  auto client = prepared();
  Drop drop = make_record<Drop>(RecordType::kDrop, realtime_ns());
  drop.count = 5;
  drop.producer = 1;
  expect_refused(*client, 2, Code::kForbidden, bytes_of(drop));
  drop.producer = 0;
  client->send_batch(3, bytes_of(drop));
  EXPECT_EQ(client->answer().kind, AnswerKind::kAck);
}

TEST_F(IngestBinaryTest, RefusesRecordsThatCountMoreThanTheyHold) {
  start();
  auto client = prepared();
  Book book = make_record<Book>(RecordType::kBook, realtime_ns(), 1);
  book.bid_count = 1;
  expect_refused(*client, 2, Code::kMalformed, bytes_of(book));
}

TEST_F(IngestBinaryTest, RefusesARecordThatDoesNotEndWithItsBatch) {
  start();
  auto client = prepared();
  expect_refused(*client, 2, Code::kMalformed,
                 changed<Trade>(trade_record(1, 1), [](Trade& trade) { trade.head.cells = 2; }));
}

TEST_F(IngestBinaryTest, RefusesARecordWithoutCells) {
  start();
  auto client = prepared();
  expect_refused(*client, 2, Code::kMalformed, Bytes(kCellBytes));
}

TEST_F(IngestBinaryTest, RefusesTypesOfALaterVersion) {
  start();
  auto client = prepared();
  expect_refused(*client, 2, Code::kUnknownType,
                 changed<Trade>(trade_record(1, 1), [](Trade& trade) { trade.head.type = 12; }));
}

TEST_F(IngestBinaryTest, RefusesATimeThatWouldEndTheDayForEverybody) {
  start();
  auto client = prepared();
  expect_refused(*client, 2, Code::kTime, changed<Trade>(trade_record(1, 1), [](Trade& trade) {
                   trade.head.ts_recv = realtime_ns() + 2 * kNsPerDay;
                 }));
}

TEST_F(IngestBinaryTest, GivesItsOwnTimeToRecordsWithoutOne) {
  start();
  const std::int64_t before = realtime_ns();
  auto client = prepared();
  client->send_batch(2, changed<Trade>(trade_record(1, 1), [](Trade& trade) { trade.head.ts_recv = 0; }));
  client->answer();
  const auto records = writer_->wait_for(3);
  EXPECT_GE(head_in(records[2]).ts_recv, before);
  EXPECT_LE(head_in(records[2]).ts_recv, realtime_ns());
}

TEST_F(IngestBinaryTest, GivesTheSameDefinitionTheSameNumberAndWritesItOnce) {
  start();
  auto first = prepared();
  auto second = prepared();
  // As another local number, with other definitions around it that are new.
  second->send_batch(2, definition(5, "NEW") + definition(6) + trade_record(6, 8) + definition(6, "NEWER") +
                            trade_record(6, 9) + trade_record(5, 10));
  EXPECT_EQ(second->answer().batch, 2u);
  const auto records = writer_->wait_for(8);
  const std::uint32_t number = head_in(records[0]).instrument;
  EXPECT_EQ(head_in(records[2]).type, static_cast<std::uint8_t>(RecordType::kConnection)) << "no definition again";
  EXPECT_EQ(head_in(records[4]).instrument, number);
  EXPECT_EQ(price_of(records[4]), 8);
  EXPECT_EQ(head_in(records[6]).instrument, head_in(records[5]).instrument);
  EXPECT_EQ(price_of(records[6]), 9);
  EXPECT_EQ(head_in(records[7]).instrument, head_in(records[3]).instrument);
  EXPECT_EQ(price_of(records[7]), 10);
  EXPECT_EQ(server_->stats().definitions.get(), 3u);
}

TEST_F(IngestBinaryTest, RefusesMoreDefinitionsAndConnectionsThanAreAllowed) {
  start([](IngestOptions& options) {
    options.definitions_max = 2;
    options.connections_per_client = 1;
    options.instruments_per_client = 10;
  });
  auto client = prepared();
  expect_refused(*client, 2, Code::kLimit, open_record(4));
  client->send_batch(3, definition(11));
  EXPECT_EQ(client->answer().code, Code::kLimit);
  client->answer();
  client->send_batch(4, definition(2, "SECOND") + definition(3, "THIRD"));
  EXPECT_EQ(client->answer().code, Code::kLimit);
}

TEST_F(IngestBinaryTest, ClosesTheConnectionsOfAClientThatGoesAwayAndRecordsAGap) {
  start();
  const std::int64_t before = realtime_ns();
  auto client = prepared();
  client->send_batch(2, open_record(8, "other") + trade_record(1, 5, 8));
  client->answer();
  client->close();
  const auto records = writer_->wait_for(8);
  for (const std::size_t at : {4u, 6u}) {
    const auto gap = wire::read<Gap>(records[at].data());
    EXPECT_EQ(gap.head.type, static_cast<std::uint8_t>(RecordType::kGap));
    EXPECT_EQ(gap.cause, static_cast<std::uint8_t>(GapCause::kDisconnect));
    EXPECT_EQ(gap.head.instrument, 0u);
    EXPECT_GE(gap.ts_last_good, before);
    EXPECT_GE(gap.head.ts_recv, gap.ts_last_good);
    const auto close = wire::read<Connection>(records[at + 1].data());
    EXPECT_EQ(close.head.type, static_cast<std::uint8_t>(RecordType::kConnection));
    EXPECT_EQ(close.event, static_cast<std::uint8_t>(ConnectionEvent::kClose));
    EXPECT_EQ(close.head.frame >> kFrameNumberBits, gap.head.frame >> kFrameNumberBits);
  }
  EXPECT_EQ(connection_in(records[4]), connection_in(records[2]));
  EXPECT_EQ(connection_in(records[6]), connection_in(records[1]));
  EXPECT_TRUE(eventually([&] { return server_->stats().clients.get() == 0; }));
  EXPECT_EQ(server_->stats().connections.get(), 0u);
}

TEST_F(IngestBinaryTest, LeavesNoRecordOfAConnectionThatTheClientClosedItself) {
  start();
  auto client = prepared();
  client->send_batch(2, close_record(3));
  client->answer();
  client->close();
  EXPECT_TRUE(eventually([&] { return server_->stats().clients.get() == 0; }));
  EXPECT_EQ(writer_->wait_for(3).size(), 3u);
}

TEST_F(IngestBinaryTest, RecordsNothingOfABatchThatTheClientDidNotFinish) {
  start();
  auto client = prepared();
  client->send_batch(2, close_record(3));
  client->answer();
  const Bytes batch = batch_bytes(3, trade_record(1, 1) + trade_record(1, 2));
  client->send(batch.data(), batch.size() - 1);
  client->close();
  EXPECT_TRUE(eventually([&] { return server_->stats().clients.get() == 0; }));
  EXPECT_EQ(writer_->records().size(), 3u);
}

TEST_F(IngestBinaryTest, AcknowledgesToAClientThatHasSentAllAndOnlyListens) {
  start();
  writer_->hold_durable(true);
  BareClient client(tcp_address());
  client.hello(AckLevel::kDurable);
  client.send_batch(1, definition(1) + trade_record(1, 1));
  client.half_close();
  writer_->wait_for(2);
  writer_->hold_durable(false);
  EXPECT_EQ(client.answer().batch, 1u);
  EXPECT_TRUE(client.at_end());
}

// What ends the connection.

class IngestMisuseTest : public IngestTest {
 protected:
  void expect_end(BareClient& client, Code code) {
    const Answer answer = client.answer();
    EXPECT_EQ(answer.kind, AnswerKind::kError);
    EXPECT_EQ(answer.code, code) << answer.text;
    EXPECT_FALSE(answer.text.empty());
    EXPECT_TRUE(client.at_end());
    client.close();
    EXPECT_EQ(refused(code), 1u);
    EXPECT_TRUE(eventually([&] { return server_->stats().clients.get() == 0; }));
  }
};

TEST_F(IngestMisuseTest, EndsAHelloThatFailsItsCrc) {
  start();
  BareClient client(unix_address());
  Bytes hello = hello_bytes(AckLevel::kDurable);
  hello[6] ^= 1;
  client.send(hello);
  expect_end(client, Code::kBadHello);
}

TEST_F(IngestMisuseTest, EndsAHelloOfAnotherVersion) {
  start();
  BareClient client(unix_address());
  wire::Hello hello = wire::make_hello(AckLevel::kDurable, 0);
  hello.version = 2;
  hello.crc = wire::crc_of(hello);
  client.send(&hello, sizeof hello);
  expect_end(client, Code::kVersion);
}

TEST_F(IngestMisuseTest, EndsAHelloOfAnUnknownLevel) {
  start();
  BareClient client(unix_address());
  client.send(hello_bytes(static_cast<AckLevel>(4)));
  expect_end(client, Code::kBadHello);
}

TEST_F(IngestMisuseTest, LetsInOnlyTheRightToken) {
  start([](IngestOptions& options) { options.token = "secret"; });
  for (const char* wrong : {"", "secre", "secret2", "Secret"}) {
    BareClient client(unix_address());
    client.send(hello_bytes(AckLevel::kDurable, wrong));
    const Answer answer = client.answer();
    EXPECT_EQ(answer.code, Code::kToken) << "'" << wrong << "'";
    EXPECT_TRUE(client.at_end());
  }
  EXPECT_EQ(refused(Code::kToken), 4u);
  BareClient client(unix_address());
  client.hello(AckLevel::kDurable, "secret");
}

TEST_F(IngestMisuseTest, EndsABatchWhosePayloadFailsItsCrcAndRecordsNothingOfIt) {
  start();
  BareClient client(unix_address());
  client.hello(AckLevel::kDurable);
  Bytes batch = batch_bytes(1, definition(1));
  batch.back() ^= 1;
  client.send(batch);
  expect_end(client, Code::kBadChecksum);
  EXPECT_TRUE(writer_->records().empty());
}

TEST_F(IngestMisuseTest, EndsAHeaderThatFailsItsCrcBeforeItsPayloadIsThere) {
  start();
  BareClient client(unix_address());
  client.hello(AckLevel::kDurable);
  wire::BatchHeader header = wire::make_batch_header(1, nullptr, 0);
  header.payload_bytes = 640;
  client.send(&header, sizeof header);
  expect_end(client, Code::kBadHeader);
}

TEST_F(IngestMisuseTest, EndsABatchOfHalfACell) {
  start();
  BareClient client(unix_address());
  client.hello(AckLevel::kDurable);
  client.send(batch_bytes(1, Bytes(32)));
  expect_end(client, Code::kBadHeader);
}

TEST_F(IngestMisuseTest, EndsABatchThatIsTooLargeBeforeItsPayloadIsThere) {
  start();
  BareClient client(unix_address());
  client.hello(AckLevel::kDurable);
  wire::BatchHeader header = wire::make_batch_header(1, nullptr, 0);
  header.payload_bytes = 64 * 1024 + 64;
  header.crc = wire::crc_of(header);
  client.send(&header, sizeof header);
  expect_end(client, Code::kTooLarge);
}

TEST_F(IngestMisuseTest, EndsBatchNumbersThatDoNotGrow) {
  start();
  BareClient client(unix_address());
  client.hello(AckLevel::kNone);
  client.send_batch(7, definition(1));
  client.send_batch(7, definition(1));
  expect_end(client, Code::kBatchNumber);
}

TEST_F(IngestMisuseTest, EndsTheClientsWhenTheJournalFails) {
  start();
  BareClient client(unix_address());
  client.hello(AckLevel::kDurable);
  client.send_batch(1, definition(1) + open_record(1));
  EXPECT_EQ(client.answer().batch, 1u);
  writer_->fail();
  // Nothing tells the server while it waits for nothing: the next batch does, if it comes before the end.
  client.send_batch(2, trade_record(1, 1));
  Answer answer = client.answer();
  while (answer.kind == AnswerKind::kAck) answer = client.answer();
  EXPECT_EQ(answer.code, Code::kWriterFailed);
  EXPECT_TRUE(client.at_end());
}

TEST_F(IngestMisuseTest, TellsItsClientsThatItStops) {
  start();
  BareClient client(unix_address());
  client.hello(AckLevel::kDurable);
  client.send_batch(1, definition(1) + open_record(1));
  EXPECT_EQ(client.answer().batch, 1u);
  server_->stop();
  EXPECT_EQ(client.answer().code, Code::kStopping);
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(writer_->wait_for(4).size(), 4u) << "a gap and a close record";
}

TEST_F(IngestMisuseTest, AcknowledgesWhatWasUnderWayBeforeItStops) {
  start();
  writer_->hold_durable(true);
  BareClient client(unix_address());
  client.hello(AckLevel::kDurable);
  client.send_batch(1, definition(1));
  writer_->wait_for(1);
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    writer_->hold_durable(false);
  });
  server_->stop();
  later.join();
  EXPECT_EQ(client.answer().batch, 1u);
  EXPECT_EQ(client.answer().code, Code::kStopping);
}

}  // namespace
}  // namespace tickforge::testing
