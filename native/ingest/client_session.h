// One connected client: its socket, the bytes that are no whole unit yet, and the answers that it has not read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/unique_fd.h"
#include "ingest/answer_buffer.h"
#include "ingest/byte_store.h"
#include "ingest/protocol.h"

namespace tickforge {

/// Finds out from the first bytes what a client speaks. `needed`: bytes that it takes to know, when null is returned.
class ProtocolChooser {
 public:
  virtual ~ProtocolChooser() = default;
  virtual std::unique_ptr<Protocol> choose(const std::uint8_t* bytes, std::size_t length, AnswerBuffer& answers,
                                           std::size_t& needed) = 0;
};

class ClientSession {
 public:
  ClientSession(UniqueFd socket, ProtocolChooser& chooser, std::int64_t now)
      : socket_(std::move(socket)), chooser_(chooser), since_(now), heard_(now), answers_moved_(now) {}

  enum class Read {
    kMore,     // there may be more to read
    kDrained,  // there is not: an event tells of the next byte
    kBlocked,  // what was read waits for room in the ring
    kLeft,     // the client has sent its last byte; it may still read answers
    kBroken,   // nobody is there any more
  };
  /// Reads once and takes what came. `buffer` is lent for the call; `now` is monotonic.
  Read read(std::span<std::uint8_t> buffer, std::int64_t now, std::size_t& bytes);
  /// Sends what the kernel takes of the answers; false when the connection is broken.
  bool send(std::int64_t now);
  /// The client is gone: what must be recorded of that. False when the ring has no room: call it again.
  bool leave();
  /// Tells the client why, and takes nothing more.
  void end(wire::Code code, std::string_view text);
  /// Sends an end behind the answers. To be closed when the client has read them, which its own end tells: closing before
  /// that would take them away from it.
  void finish();
  void progressed(const RingProgress& progress) {
    if (protocol_) protocol_->progressed(progress);
  }

  bool owes_answer() const { return protocol_ && protocol_->owes_answer(); }
  /// The server ended it: nothing more is taken.
  bool ended() const { return ended_ || (protocol_ && protocol_->ended()); }
  /// The client has sent its last byte.
  void hear_end() { heard_end_ = true; }
  bool heard_end() const { return heard_end_; }
  /// Nobody is there to read answers.
  void abandon() { broken_ = true; }
  bool broken() const { return broken_; }
  bool has_unsent() const { return !answers_.empty(); }
  std::size_t unsent() const { return answers_.size(); }
  /// It is known what the client speaks.
  bool chosen() const { return protocol_ != nullptr; }
  bool admitted() const { return protocol_ && protocol_->admitted(); }
  /// Bytes wait for room in the ring.
  bool blocked() const { return blocked_; }

  // Monotonic times.
  std::int64_t since() const { return since_; }
  std::int64_t heard() const { return heard_; }
  /// When the kernel last took answers, or when there were none.
  std::int64_t answers_moved() const { return answers_moved_; }
  void touch(std::int64_t now) { heard_ = now; }

 private:
  /// Takes what it can of `length` bytes that follow on the pending ones.
  void feed(const std::uint8_t* bytes, std::size_t length);
  Taken take(const std::uint8_t* bytes, std::size_t length);

  UniqueFd socket_;
  ProtocolChooser& chooser_;
  std::unique_ptr<Protocol> protocol_;
  AnswerBuffer answers_;
  ByteStore pending_;
  std::size_t needed_ = 0;  // bytes that pending_ must have; 0 = not known
  bool blocked_ = false;
  bool ended_ = false;
  bool heard_end_ = false;
  bool broken_ = false;
  std::int64_t since_;
  std::int64_t heard_;
  std::int64_t answers_moved_;
};

}  // namespace tickforge
