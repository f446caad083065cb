// The page that the producers of one journal, its writer and its live readers share: who publishes, and which numbers
// are taken. All words are atomics; positions as in spsc_ring.h.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "ring/futex.h"

namespace tickforge {

/// A block's flags hold the producer's number in 8 bits; this many at once are enough for one machine.
inline constexpr std::uint32_t kProducersMax = 64;

enum class SlotState : std::uint32_t {
  kFree = 0,
  kClaimed = 1,  // its ring is being made
  kOpen = 2,
  kEnded = 3,    // nothing more comes; what was published is still taken over
};

struct ProducerSlot {
  std::atomic<std::uint32_t> state;       // SlotState
  std::atomic<std::uint32_t> generation;  // counts the producers that have had this slot
  std::atomic<std::uint32_t> process_id;
  std::atomic<std::uint64_t> process_started;  // clock ticks since boot: tells a process from a later one of the same number
  std::uint8_t padding[40];
};
static_assert(sizeof(ProducerSlot) == 64);

/// What lies in the segment before an offset: the join of the file and the rings.
struct TailPoint {
  std::uint64_t segment_id = 0;
  std::int32_t day = 0;
  std::uint32_t part = 0;
  std::uint64_t file_offset = 0;  // bytes of whole blocks that readers may read
  std::uint64_t record_count = 0;
  /// Per producer: cells since its generation began that lie before the offset, and the generation.
  std::array<std::uint64_t, kProducersMax> cells{};
  std::array<std::uint32_t, kProducersMax> generations{};
};

/// Lies at the start of the shared file, or in private memory. Zeroed memory is a valid new one but for magic.
struct ProducerTable {
  static constexpr std::uint32_t kMagic = 0x31504654;  // "TFP1"
  static constexpr std::uint32_t kVersion = 1;
  static constexpr std::uint32_t kConnections = 65536;

  std::uint32_t magic;
  std::uint32_t version;
  std::atomic<std::uint32_t> process_id;  // of the writer
  std::atomic<std::uint32_t> ended;       // 1: the writer has stopped, a new one makes a new table
  alignas(64) Bell writer_bell;
  alignas(64) Bell readers_bell;
  alignas(64) std::atomic<std::uint32_t> changes;  // of slots
  alignas(64) std::atomic<std::uint32_t> next_instrument;
  std::atomic<std::uint32_t> next_connection;
  alignas(64) std::array<ProducerSlot, kProducersMax> slots;
  alignas(64) std::array<std::atomic<std::uint64_t>, kConnections / 64> connections;  // bit set: in use
  alignas(64) std::atomic<std::uint64_t> tail_lock;  // odd while the tail point changes
  alignas(64) std::array<std::atomic<std::uint64_t>, sizeof(TailPoint) / 8> tail_words;

  /// A number for an instrument definition that this segment has not used.
  std::uint32_t claim_instrument() { return next_instrument.fetch_add(1, std::memory_order_relaxed); }
  /// A connection number from 1 to 65,535 that nobody uses; 0 when all are taken.
  std::uint16_t claim_connection();
  void free_connection(std::uint16_t number);

  /// Writer only.
  void set_tail(const TailPoint& point);
  /// Nothing when the writer kept changing it, or died while it did.
  std::optional<TailPoint> tail() const;
};
static_assert(sizeof(TailPoint) % 8 == 0);

/// When a process began, in clock ticks since boot; 0 when there is none of this number (a zombie counts as none).
std::uint64_t process_started(std::uint32_t process_id);

}  // namespace tickforge
