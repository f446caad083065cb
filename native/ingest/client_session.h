// One connected client: its socket, what it sent, and the answers that it has not read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/unique_fd.h"
#include "ingest/answer_buffer.h"
#include "ingest/protocol_input.h"

namespace tickforge {

class ClientSession {
 public:
  ClientSession(UniqueFd socket, ProtocolChooser& chooser, std::int64_t now)
      : socket_(std::move(socket)), input_(chooser, answers_), since_(now), heard_(now), answers_moved_(now) {}

  enum class Read {
    kMore,     // there may be more to read
    kDrained,  // there is not: an event tells of the next byte
    kBlocked,  // what was read waits for room in the ring, or for answers to go out
    kLeft,     // the client has sent its last byte; it may still read answers
    kBroken,   // nobody is there any more
  };
  /// Reads once and takes what came. `buffer` is lent for the call, for bytes that no protocol wants elsewhere; `now` is
  /// monotonic.
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
    if (Protocol* protocol = input_.protocol()) protocol->progressed(progress);
  }

  bool owes_answer() const { return chosen() && input_.protocol()->owes_answer(); }
  /// The server ended it: nothing more is taken.
  bool ended() const { return ended_ || (chosen() && input_.protocol()->ended()); }
  /// The client has sent its last byte.
  void hear_end() { heard_end_ = true; }
  bool heard_end() const { return heard_end_; }
  /// Nobody is there to read answers.
  void abandon() { broken_ = true; }
  bool broken() const { return broken_; }
  bool has_unsent() const { return !answers_.empty(); }
  /// Bytes of the answers that it has not been sent, those that are not due yet among them.
  std::size_t backlog() const { return chosen() ? input_.protocol()->backlog() : answers_.size(); }
  /// It is known what the client speaks.
  bool chosen() const { return input_.protocol() != nullptr; }
  bool admitted() const { return chosen() && input_.protocol()->admitted(); }

  // Monotonic times.
  std::int64_t since() const { return since_; }
  std::int64_t heard() const { return heard_; }
  /// When the kernel last took answers, or when there were none.
  std::int64_t answers_moved() const { return answers_moved_; }
  void touch(std::int64_t now) { heard_ = now; }

 private:
  UniqueFd socket_;
  AnswerBuffer answers_;
  ProtocolInput input_;
  bool ended_ = false;
  bool heard_end_ = false;
  bool broken_ = false;
  std::int64_t since_;
  std::int64_t heard_;
  std::int64_t answers_moved_;
};

}  // namespace tickforge
