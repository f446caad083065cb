// Sends records to a running recorder over the binary protocol of docs/PROTOCOL.md. Blocking; one thread at a time.
//
// Needs native/base, native/format and native/ingest/wire.h, nothing else of TickForge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "format/record.h"
#include "ingest/wire.h"

namespace tickforge {

/// What an instrument record says; see FORMAT.md.
struct InstrumentDefinition {
  std::string venue;
  std::string symbol;
  std::string base;
  std::string quote;
  std::string adapter;
  int price_exponent = 0;  // price = mantissa * 10^price_exponent, -18 to 0
  int size_exponent = 0;
  PrintRule price_print = PrintRule::kMinimal;
  PrintRule size_print = PrintRule::kMinimal;
  Integrity integrity = Integrity::kNone;
  InstrumentKind kind = InstrumentKind::kUnknown;
  std::int64_t tick_size = 0;
  std::int64_t lot_size = 0;
};

class Client {
 public:
  /// A batch that the server did not record, and why.
  struct Refused {
    std::uint64_t batch;
    wire::Code code;
    std::string text;
  };

  /// `address`: unix:PATH or tcp:HOST:PORT. Errors: TF_USAGE; TF_CONNECT; TF_REFUSED with the server's reason.
  static Result<std::unique_ptr<Client>> connect(const std::string& address, const std::string& token = {},
                                                 wire::AckLevel level = wire::AckLevel::kDurable);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() = default;

  /// Sends a definition and gives the number that the heads of records name it by. Errors as of send().
  Result<std::uint32_t> define(const InstrumentDefinition& definition);
  /// Opens a connection to a venue for the log; the number goes into the high 16 bits of `frame`. Errors as of send().
  Result<std::uint16_t> open_connection(const std::string& venue, const std::string& url);
  Result<void> close_connection(std::uint16_t connection, std::uint16_t close_code, const std::string& reason);

  /// Sends `count` cells of whole records as one batch, and returns its number. Blocks while the server has no room. Errors:
  /// TF_BATCH_TOO_LARGE; TF_DISCONNECTED, after which batches without an acknowledgement may have been recorded or not.
  Result<std::uint64_t> send(const void* cells, std::size_t count);
  /// Sends one record.
  template <typename Record>
  Result<std::uint64_t> send(const Record& record) {
    static_assert(sizeof(Record) % kCellBytes == 0);
    return send(&record, sizeof record / kCellBytes);
  }

  /// Waits until all batches up to `batch` have reached the level that was asked for, or were refused. Errors: TF_REFUSED
  /// when one of them was and that has not been told yet; TF_DISCONNECTED; TF_USAGE when nothing is acknowledged.
  Result<void> wait(std::uint64_t batch);

  std::uint64_t last_sent() const { return last_sent_; }
  std::uint64_t acknowledged() const { return acknowledged_; }
  /// Refused batches since the last call.
  std::vector<Refused> take_refused() { return std::exchange(refused_, {}); }
  const wire::Welcome& welcome() const { return welcome_; }

 private:
  Client(UniqueFd socket, wire::AckLevel level) : socket_(std::move(socket)), level_(level) {}

  Result<void> greet(const std::string& token);
  Result<void> send_all(const void* bytes, std::size_t length);
  /// Takes the answers that are there; with `wait`, at least one byte.
  Result<void> receive(bool wait);
  Result<void> take_answers();
  Error lost(int number) const;

  UniqueFd socket_;
  const wire::AckLevel level_;
  wire::Welcome welcome_{};
  bool welcomed_ = false;
  std::uint64_t last_sent_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint32_t instruments_ = 0;
  std::uint16_t connections_ = 0;
  std::vector<std::uint8_t> received_;
  std::vector<Refused> refused_;
  std::vector<std::uint8_t> batch_;  // header and payload, so that one call sends both
};

}  // namespace tickforge
