// HTTP/1.1 as QuestDB's clients use it: lines in the bodies of POST requests, answered when they are durable.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "ingest/http_lines.h"
#include "ingest/line_session.h"
#include "ingest/protocol.h"

namespace tickforge {

/// Requests may follow each other without waiting for answers, which come in their order.
class HttpProtocol : public Protocol {
 public:
  HttpProtocol(IngestContext& context, AnswerBuffer& answers);
  ~HttpProtocol() override;

  Taken take(const std::uint8_t* bytes, std::size_t length) override;
  void progressed(const RingProgress& progress) override;
  bool owes_answer() const override { return !waiting_.empty(); }
  std::size_t owed_bytes() const override { return owed_bytes_; }
  bool admitted() const override { return admitted_; }
  bool leave(bool in_order) override;
  void end(wire::Code code, std::string_view text) override;

 private:
  struct Parser;
  friend struct Parser;
  enum class Route { kNone, kWrite, kSettings, kPing };
  /// An answer that is due when the ring's durable watermark reaches `position`.
  struct Waiting {
    std::uint32_t position;
    std::string answer;
  };

  /// Takes what is in one piece: of a body, or up to the end of a line. Returns the bytes that it took.
  std::size_t parse(const char* text, std::size_t length);
  /// The head is whole. What is wrong with the request is answered now, and ends the connection.
  void begin_request();
  /// The body is whole, and so are its lines.
  void finish_request();
  void begin_body();
  void begin_chunk();
  void take_body(const std::uint8_t* bytes, std::size_t length);
  void note(LineSession::Given given);
  bool is_authorized() const;
  /// The answer is its head alone.
  bool asks_for_head() const;
  void fail(wire::Code code, int status, std::string_view what);
  void fail_too_large();
  void answer(std::string text, std::uint32_t position);
  /// `text` comes behind the answers that are due.
  void owe(std::string text, std::uint32_t position);
  void forget_owed();
  /// Nothing more is read.
  bool over() const { return ended_ || closing_; }

  IngestContext& context_;
  LineSession lines_;
  std::unique_ptr<Parser> parser_;
  HttpLines between_;             // the bodies
  std::uint64_t body_left_ = 0;   // of the body or the chunk
  std::deque<Waiting> waiting_;
  std::size_t owed_bytes_ = 0;  // of waiting_
  Route route_ = Route::kNone;
  std::uint64_t body_bytes_ = 0;
  bool admitted_ = false;
  bool in_request_ = false;
  bool in_body_ = false;    // the head is whole
  bool body_done_ = false;
  bool blocked_ = false;    // lines wait for room
  bool closing_ = false;    // the last request wants no other behind it, or was refused: ended when all is answered
  bool ends_in_order_ = false;  // it is the server that ends the connection, and no request is cut
  bool keep_alive_ = true;
};

}  // namespace tickforge
