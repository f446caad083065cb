// The bytes of one client on their way to its protocol: which one that is, and what is left of a unit that has not ended.
// No sockets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

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

class ProtocolInput {
 public:
  ProtocolInput(ProtocolChooser& chooser, AnswerBuffer& answers) : chooser_(chooser), answers_(answers) {}

  /// Takes what it can of `length` bytes that follow on those before, and keeps the rest.
  void feed(const std::uint8_t* bytes, std::size_t length);
  /// Bytes wait for room in the ring: feed() with none of them tries again.
  bool blocked() const { return blocked_; }

  /// Bytes that would complete the unit that has begun, as far as that is known.
  std::size_t wanted() const { return needed_ > pending_.size() ? needed_ - pending_.size() : 0; }
  /// Memory for the next of the wanted bytes: as many as there are, but not more than were there before, whatever a
  /// header announces.
  std::span<std::uint8_t> place();
  /// `length` bytes were written to place().
  void placed(std::size_t length);

  /// Where the `length` bytes behind the wanted ones had best lie when they are fed; null = anywhere. Good for one feed().
  std::uint8_t* landing(std::size_t length) {
    return protocol_ && !blocked_ ? protocol_->landing(needed_, length) : nullptr;
  }

  /// Null until it is known.
  Protocol* protocol() { return protocol_.get(); }
  const Protocol* protocol() const { return protocol_.get(); }

 private:
  Taken take(const std::uint8_t* bytes, std::size_t length);
  bool ended() const { return protocol_ && protocol_->ended(); }

  ProtocolChooser& chooser_;
  AnswerBuffer& answers_;
  std::unique_ptr<Protocol> protocol_;
  ByteStore pending_;
  std::size_t needed_ = 0;  // bytes that pending_ must have; 0 = not known
  bool blocked_ = false;
};

}  // namespace tickforge
