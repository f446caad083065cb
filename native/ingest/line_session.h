// One client's lines into the ring, whichever protocol they come by.
#pragma once

#include <cstdint>
#include <string_view>

#include "ingest/byte_store.h"
#include "ingest/ingest_context.h"

namespace tickforge {

class LineSession {
 public:
  /// `url`: what the connection's open record calls the way of the lines.
  LineSession(IngestContext& context, std::string_view url) : context_(context), url_(url) {}
  LineSession(const LineSession&) = delete;
  LineSession& operator=(const LineSession&) = delete;
  ~LineSession();

  enum class Given {
    kTaken,
    kBlocked,  // the ring has no room; the rest is kept here: resume() when there is
    kTooLong,  // a line is longer than it may be: nothing can follow
  };
  /// Takes all bytes over, except when kTooLong is returned.
  Given give(const std::uint8_t* bytes, std::size_t length);
  Given resume() { return give(nullptr, 0); }
  /// What is left is a line, without its end. Not while blocked.
  Given end_body();

  /// The beginning of the next request: its unit of time, and no fault yet.
  void begin_request(TimeUnit unit);
  /// Number of the request's first line that could not be read, from 1; 0 = there is none.
  std::uint64_t fault_line() const { return source_.fault_row == 0 ? 0 : source_.fault_row - rows_before_; }
  const LineFault& fault() const { return source_.fault; }
  bool is_torn() const { return !kept_.empty(); }

  /// Records the end of the connection; what is left is a torn line. A gap goes before it when something may be missing.
  /// False when there was no room: call it again.
  bool leave(bool in_order);

 private:
  bool open();
  /// Skips a mark at the beginning; what is only the beginning of one is kept as bytes like others.
  void skip_mark(const std::uint8_t*& bytes, std::size_t& length);
  void keep_torn_mark();
  Given join(const std::uint8_t* bytes, std::size_t length);
  /// Feeds [bytes, bytes + length); `used` of them are done with.
  Given feed(const std::uint8_t* bytes, std::size_t length, bool at_end, std::size_t& used);
  void publish();

  IngestContext& context_;
  std::string_view url_;
  LineSource source_;
  ByteStore kept_;
  std::size_t mark_bytes_ = 0;    // of a byte order mark at the beginning
  bool begun_ = false;            // what comes is no mark
  bool opened_ = false;
  bool ended_ = false;
  std::uint64_t rows_before_ = 0;  // the request
  std::int64_t newest_ts_ = 0;
};

}  // namespace tickforge
