// What an ingest server may be told, and what it counts.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "ingest/wire.h"
#include "lines/line_mapping.h"

namespace tickforge {

struct IngestOptions {
  std::vector<std::string> listen;  // unix:PATH, tcp:HOST:PORT
  std::string token;                // of every client; empty = none is wanted
  LineMapping mapping = default_line_mapping();
  std::size_t ring_bytes = std::size_t{16} << 20;
  std::uint32_t clients_max = 1024;
  std::uint32_t payload_bytes_max = 1 << 20;  // of a batch
  std::uint32_t line_bytes_max = 64 * 1024;
  std::uint32_t line_columns_max = 4096;
  std::uint64_t body_bytes_max = 100ull << 20;  // of HTTP
  std::int64_t idle_ns = 300'000'000'000;       // a silent client is closed; 0 = never
  std::int64_t hello_ns = 10'000'000'000;       // until the protocol is known and the client let in
  std::int64_t answer_ns = 10'000'000'000;      // a client that does not read its answers is closed
  std::size_t answer_bytes_max = 64 * 1024;     // unread answers; nothing is read from the client beyond them
  std::int64_t ahead_ns = 60'000'000'000;       // ts_recv may be ahead of our clock by this
  std::uint32_t instruments_per_client = 65'535;
  std::uint32_t connections_per_client = 1024;
  std::uint32_t definitions_max = 262'144;  // of all clients together, since the server started
};

/// Written by the server's thread, read by any: a number of its own each, no order between them.
class Counter {
 public:
  /// Relaxed: there is one writer, and readers want some recent value.
  void add(std::uint64_t count = 1) { set(get() + count); }
  void subtract(std::uint64_t count = 1) { set(get() - count); }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct IngestStats {
  Counter clients;          // connected now
  Counter clients_total;
  Counter clients_refused;  // beyond clients_max, or without a file descriptor left for them
  Counter bytes;            // read from clients
  Counter batches;          // recorded
  Counter records;          // of batches
  Counter requests;         // of HTTP
  Counter lines;
  Counter rows;             // lines that became a record other than text
  Counter definitions;       // of batches, given a number
  Counter line_definitions;  // of lines
  Counter connections;      // of clients to venues, open now
  Counter waits;            // times that a client was not read from because the ring had no room
  /// By wire::Code.
  std::array<Counter, 128> refused;

  void refuse(wire::Code code) { refused[static_cast<std::size_t>(code)].add(); }
};

}  // namespace tickforge
