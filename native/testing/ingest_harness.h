// An ingest server without a journal: its ring is drained by a thread that plays the writer, and a client of bare
// sockets that may say anything.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "ingest/server.h"
#include "testing/segment_builder.h"

namespace tickforge::testing {

/// Takes records over and keeps copies. What it says of its progress can be held up.
class PlayedWriter {
 public:
  explicit PlayedWriter(RingSet& rings);
  ~PlayedWriter();

  /// Nothing is taken over while it is set.
  void stall(bool stalled) { stalled_.store(stalled); }
  /// Positions of these levels stay where they are while set.
  void hold_written(bool hold) { hold_written_.store(hold); }
  void hold_durable(bool hold) { hold_durable_.store(hold); }
  /// As a writer that failed.
  void fail() { failing_.store(true); }
  /// Positions until which a producer asked for durability, while it was held.
  std::uint32_t durable_asked() const { return durable_asked_.load(); }

  /// All records taken so far, whole.
  std::vector<Bytes> records();
  /// Waits until there are `count`, and returns them.
  std::vector<Bytes> wait_for(std::size_t count);

 private:
  void run();

  RingSet& rings_;
  std::atomic<bool> stalled_{false};
  std::atomic<bool> hold_written_{false};
  std::atomic<bool> hold_durable_{false};
  std::atomic<bool> failing_{false};
  std::atomic<bool> stop_{false};
  std::atomic<std::uint32_t> durable_asked_{0};
  std::mutex mutex_;
  std::vector<Bytes> records_;
  std::thread thread_;
};

/// What the server said.
struct Answer {
  wire::AnswerKind kind{};
  wire::Code code{};
  wire::AckLevel level{};
  std::uint64_t batch = 0;
  std::string text;
  bool closed = false;  // instead of an answer
};

/// Connects a socket to an address as IngestServer::addresses() has it; false with errno.
bool connect_to(int fd, const std::string& address);

/// A blocking socket; everything fails the test after 20 seconds.
class BareClient {
 public:
  explicit BareClient(const std::string& address);

  /// False when the server has closed.
  bool send(const void* bytes, std::size_t length);
  bool send(const Bytes& bytes) { return send(bytes.data(), bytes.size()); }
  bool send(std::string_view text) { return send(text.data(), text.size()); }
  /// Hello with a welcome expected.
  void hello(wire::AckLevel level, const std::string& token = {});
  void send_batch(std::uint64_t number, const Bytes& payload);
  Answer answer();
  /// As many bytes as come until the server closes or `length` are there.
  Bytes read(std::size_t length);
  /// As text, until the server closes or `end` is at the end of it.
  std::string read_until(std::string_view end);
  bool at_end();  // the server has closed; waits for it
  void half_close();
  void close() { fd_.reset(); }
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

Bytes hello_bytes(wire::AckLevel level, const std::string& token = {});
Bytes batch_bytes(std::uint64_t number, const Bytes& payload);
Bytes operator+(Bytes a, const Bytes& b);

/// Records as clients make them. Instrument and connection numbers are the client's own.
Bytes definition(std::uint32_t number, std::string_view symbol = "BTC-USD", std::int8_t exponent = -2);
Bytes open_record(std::uint16_t connection, std::string_view venue = "test");
Bytes close_record(std::uint16_t connection);
Bytes trade_record(std::uint32_t instrument, std::int64_t price, std::uint16_t connection = 0);
std::int64_t price_of(const Bytes& record);
RecordHead head_in(const Bytes& record);
std::uint16_t connection_in(const Bytes& record);

/// A server on a Unix socket in a directory of its own and on a loopback port.
class IngestTest : public ::testing::Test {
 protected:
  IngestTest();
  ~IngestTest() override;
  /// With ring_bytes 1 MiB and small limits; `change` may change them.
  template <typename Change>
  void start(Change change) {
    IngestOptions options = base_options();
    change(options);
    start_with(std::move(options));
  }
  void start() {
    start([](IngestOptions&) {});
  }
  std::string unix_address() const { return "unix:" + directory_.file("ingest"); }
  std::string tcp_address() const { return server_->addresses().back(); }
  std::uint64_t refused(wire::Code code) const {
    return server_->stats().refused[static_cast<std::size_t>(code)].get();
  }
  /// Waits until `holds` does.
  template <typename Holds>
  bool eventually(Holds holds) {
    for (int i = 0; i < 20'000; ++i) {
      if (holds()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return holds();
  }

  TempDir directory_;
  std::unique_ptr<RingSet> rings_;
  std::unique_ptr<PlayedWriter> writer_;
  std::unique_ptr<IngestServer> server_;

 private:
  IngestOptions base_options() const;
  void start_with(IngestOptions options);
};

}  // namespace tickforge::testing
