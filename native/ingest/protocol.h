// What a client speaks, as a machine over bytes: no sockets, no clock, so that tests and fuzzers drive it directly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ingest/answer_buffer.h"
#include "ingest/wire.h"
#include "ring/spsc_ring.h"

namespace tickforge {

/// What became of bytes.
struct Taken {
  std::size_t used = 0;    // the rest must be given again, at the front, with what follows
  std::size_t needed = 0;  // bytes that the rest must have before anything more can be taken; 0 = not known
  bool blocked = false;    // the ring has no room, or answers wait: give the rest again when that has changed
};

/// One client's. Answers go into the buffer that it was made with; the owner sends them.
class Protocol {
 public:
  explicit Protocol(AnswerBuffer& answers) : answers_(answers) {}
  Protocol(const Protocol&) = delete;
  Protocol& operator=(const Protocol&) = delete;
  virtual ~Protocol() = default;

  virtual Taken take(const std::uint8_t* bytes, std::size_t length) = 0;
  /// Where `length` bytes that follow on the unit that has begun had best lie when they are given to take(); null = anywhere.
  /// `needed`: what that unit needs in all, as take() said it. Good for the next bytes that are taken only.
  virtual std::uint8_t* landing(std::size_t /*needed*/, std::size_t /*length*/) { return nullptr; }
  /// Writes the answers that have become due. Not while older ones have not been sent: the newest one says it all.
  virtual void progressed(const RingProgress&) {}
  /// An answer is owed that depends on the ring's progress.
  virtual bool owes_answer() const { return false; }
  /// Bytes of answers that are owed, with what keeping them takes.
  virtual std::size_t owed_bytes() const { return 0; }
  /// Bytes of all answers that the client has not been sent.
  std::size_t backlog() const { return answers_.size() + owed_bytes(); }
  /// Let in, with the token when there is one: the time for a hello no longer counts.
  virtual bool admitted() const = 0;
  /// The client is gone; `in_order` when it said so itself. Records what that means; false when the ring had no room for it:
  /// to be called again.
  virtual bool leave(bool in_order) = 0;
  /// Tells the client, in its language, why the server ends the connection, and takes nothing more.
  virtual void end(wire::Code code, std::string_view text) = 0;
  /// Nothing more is taken; the connection is closed when the answers are sent.
  bool ended() const { return ended_; }

 protected:
  AnswerBuffer& answers_;
  bool ended_ = false;
};

}  // namespace tickforge
