// One client's numbers of instruments and connections, and the journal's numbers that stand for them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ring/producer_table.h"

namespace tickforge {

/// Changes since the last commit() can be taken back, for a batch that is refused in its middle. One thread's.
class ClientNumbers {
 public:
  struct Open {
    std::uint16_t local = 0;
    std::uint16_t number = 0;  // of the journal
    std::string venue;
  };

  ClientNumbers(ProducerTable& table, std::uint32_t instruments_max, std::uint32_t connections_max)
      : table_(table), instruments_max_(instruments_max), connections_max_(connections_max) {}
  ClientNumbers(const ClientNumbers&) = delete;
  ClientNumbers& operator=(const ClientNumbers&) = delete;
  ~ClientNumbers();

  /// The journal's number; 0 when there is none, for local number 0 too.
  std::uint32_t instrument(std::uint32_t local) const { return local < instruments_.size() ? instruments_[local] : 0; }
  std::uint16_t connection(std::uint16_t local) const { return local < connections_.size() ? connections_[local] : 0; }
  std::uint32_t instruments_max() const { return instruments_max_; }

  /// `local`: 1 to instruments_max().
  void define(std::uint32_t local, std::uint32_t number);
  /// The journal's number of a connection that begins, of one that is open already the same; 0 when there are too many.
  /// `local` is not 0.
  std::uint16_t open(std::uint16_t local, std::string venue);
  /// `local` must be open.
  void close(std::uint16_t local);

  void commit();
  void rollback();

  const std::vector<Open>& open_connections() const { return open_; }

 private:
  struct Change {
    enum class Kind { kDefined, kOpened, kClosed } kind;
    std::uint32_t local;
    std::uint32_t before;  // number of the instrument, or of the connection
    std::string venue;
  };

  ProducerTable& table_;
  const std::uint32_t instruments_max_;
  const std::uint32_t connections_max_;
  std::vector<std::uint32_t> instruments_;  // by local number
  std::vector<std::uint16_t> connections_;
  std::vector<Open> open_;
  std::vector<Change> changes_;
};

}  // namespace tickforge
