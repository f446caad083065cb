// The parser is Debian's libhttp-parser, the one that Node used for ten years: a machine over bytes, strict with lengths.
// HttpLines is strict with the rest.
#include "ingest/http_protocol.h"

#include <http_parser.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

#include "ingest/authorization.h"
#include "ingest/http_answers.h"

namespace tickforge {
namespace {

using wire::Code;

/// The parser is given this much at a time, so that what its body holds is never much more than the ring has room for.
constexpr std::size_t kSliceBytes = 64 * 1024;
constexpr std::size_t kUrlBytesMax = 4096;
/// Request line and headers, or the headers of chunks behind the body.
constexpr std::uint32_t kHeadBytesMax = 16 * 1024;

bool same_name(std::string_view a, std::string_view lower) {
  return a.size() == lower.size() && std::equal(a.begin(), a.end(), lower.begin(), [](char x, char y) {
           return (x >= 'A' && x <= 'Z' ? static_cast<char>(x + 32) : x) == y;
         });
}

/// Without the spaces behind it, which the parser leaves there.
std::string_view trimmed(std::string_view value) {
  return value.substr(0, value.find_last_not_of(" \t") + 1);
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Path and query of a target, which may be a whole URL.
std::string_view path_and_query(std::string_view target) {
  http_parser_url parts{};
  if (target.starts_with('/') || http_parser_parse_url(target.data(), target.size(), 0, &parts) != 0) return target;
  if ((parts.field_set & 1 << UF_PATH) == 0) return "/";
  return target.substr(parts.field_data[UF_PATH].off);
}

/// `byte`: where the parser stopped. A method that it does not know is one in capitals.
int status_of(http_errno error, char byte) {
  switch (error) {
    case HPE_CB_url: return 414;
    case HPE_HEADER_OVERFLOW:
    case HPE_CB_header_field:
    case HPE_CB_header_value: return 431;
    case HPE_INVALID_METHOD: return (byte >= 'A' && byte <= 'Z') || byte == ' ' ? 405 : 400;
    default: return 400;
  }
}

/// Unit of times without a suffix; false when it is none. Other parameters are ignored.
bool precision_of(std::string_view query, TimeUnit& unit) {
  unit = TimeUnit::kNanoseconds;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.rfind("precision=", 0) != 0) continue;
    const std::string_view name = pair.substr(10);
    if (name == "n" || name == "ns") {
      unit = TimeUnit::kNanoseconds;
    } else if (name == "u" || name == "us") {
      unit = TimeUnit::kMicroseconds;
    } else if (name == "ms") {
      unit = TimeUnit::kMilliseconds;
    } else if (name == "s") {
      unit = TimeUnit::kSeconds;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

struct HttpProtocol::Parser {
  explicit Parser(HttpProtocol& protocol) {
    // The limit is the library's own, for all of its parsers.
    static std::once_flag limited;
    std::call_once(limited, [] { http_parser_set_max_header_size(kHeadBytesMax); });
    http_parser_init(&machine, HTTP_REQUEST);
    machine.data = &protocol;
    http_parser_settings_init(&settings);
    settings.on_message_begin = [](http_parser* one) {
      of(one).parser_->clear();
      of(one).in_request_ = true;
      return 0;
    };
    settings.on_url = [](http_parser* one, const char* at, std::size_t length) {
      return of(one).parser_->append(of(one).parser_->url, at, length, kUrlBytesMax);
    };
    settings.on_header_field = [](http_parser* one, const char* at, std::size_t length) {
      Parser& parser = *of(one).parser_;
      if (parser.in_value) parser.end_header();
      return parser.append(parser.name, at, length, kUrlBytesMax);
    };
    settings.on_header_value = [](http_parser* one, const char* at, std::size_t length) {
      Parser& parser = *of(one).parser_;
      parser.in_value = true;
      return parser.append(parser.value, at, length, kUrlBytesMax);
    };
    settings.on_headers_complete = [](http_parser* one) {
      of(one).parser_->end_header();
      // Other protocols are offered by clients that are content with this one.
      if (one->method != HTTP_CONNECT) one->upgrade = 0;
      of(one).begin_request();
      return 0;
    };
    settings.on_chunk_header = [](http_parser* one) {
      of(one).begin_chunk();
      return 0;
    };
    settings.on_chunk_complete = [](http_parser* one) {
      of(one).between_.expect(HttpLines::Kind::kChunkSize);
      return 0;
    };
    settings.on_body = [](http_parser* one, const char* at, std::size_t length) {
      of(one).take_body(reinterpret_cast<const std::uint8_t*>(at), length);
      return 0;
    };
    settings.on_message_complete = [](http_parser* one) {
      of(one).body_done_ = true;
      of(one).between_.expect(HttpLines::Kind::kRequest);
      // The next request waits for the end of this one, which may wait for room.
      http_parser_pause(one, 1);
      return 0;
    };
  }

  static HttpProtocol& of(http_parser* one) { return *static_cast<HttpProtocol*>(one->data); }

  void clear() {
    url.clear();
    authorization.clear();
    encoded = expects = false;
    fault = nullptr;
    unknown_coding = false;
    hosts = authorizations = transfer_encodings = 0;
    name.clear();
    value.clear();
    in_value = false;
  }
  static int append(std::string& text, const char* at, std::size_t length, std::size_t most) {
    if (text.size() + length > most) return 1;
    text.append(at, length);
    return 0;
  }
  void end_header() {
    note_header(trimmed(value));
    name.clear();
    value.clear();
    in_value = false;
  }

  void note_header(std::string_view text) {
    if (same_name(name, "content-encoding") && !same_name(text, "identity")) encoded = true;
    if (same_name(name, "expect") && same_name(text, "100-continue")) expects = true;
    if (same_name(name, "content-length") && !is_number(text)) fault = "Content-Length is a number";
    if (same_name(name, "host") && ++hosts > 1) fault = "there is more than one Host";
    if (same_name(name, "authorization")) {
      authorization = text;
      if (++authorizations > 1) fault = "there is more than one Authorization";
    }
    if (same_name(name, "transfer-encoding")) {
      unknown_coding = unknown_coding || !same_name(text, "chunked");
      if (++transfer_encodings > 1) fault = "there is more than one Transfer-Encoding";
    }
  }
  /// Why the head cannot be taken, whatever it asks for; null when it can.
  const char* head_fault() const {
    if (machine.http_major != 1) return "only HTTP/1.1 is spoken here";
    if (transfer_encodings != 0 && machine.http_minor == 0) return "HTTP/1.0 has no Transfer-Encoding";
    return fault;
  }

  http_parser machine;
  http_parser_settings settings;
  std::string url;
  std::string authorization;
  bool encoded = false;
  bool expects = false;
  const char* fault = nullptr;
  bool unknown_coding = false;
  unsigned hosts = 0;
  unsigned authorizations = 0;
  unsigned transfer_encodings = 0;
  std::string name;
  std::string value;
  bool in_value = false;
};

HttpProtocol::HttpProtocol(IngestContext& context, AnswerBuffer& answers)
    : Protocol(answers), context_(context), lines_(context, "http"), parser_(std::make_unique<Parser>(*this)) {}
HttpProtocol::~HttpProtocol() = default;

Taken HttpProtocol::take(const std::uint8_t* bytes, std::size_t length) {
  std::size_t used = 0;
  if (std::exchange(blocked_, false)) note(lines_.resume());
  for (;;) {
    if (body_done_ && !blocked_ && !over()) finish_request();
    if (over()) return {length, 0, false};
    if (blocked_) return {used, 0, true};
    if (used == length) return {used, 0, false};
    // One request more may wait for its answer than there is room for, whatever a read has brought.
    if (backlog() > context_.options.answer_bytes_max) return {used, 0, true};
    used += parse(reinterpret_cast<const char*>(bytes) + used, std::min(length - used, kSliceBytes));
  }
}

std::size_t HttpProtocol::parse(const char* text, std::size_t length) {
  const std::size_t good = body_left_ != 0 ? std::min<std::uint64_t>(length, body_left_) : between_.take(text, length);
  // What is before a wrong byte comes first: it may be wrong itself, or end a request.
  http_parser& machine = parser_->machine;
  const std::size_t parsed = good == 0 ? 0 : http_parser_execute(&machine, &parser_->settings, text, good);
  const http_errno error = HTTP_PARSER_ERRNO(&machine);
  if (over()) return parsed;
  if (error == HPE_PAUSED) {
    http_parser_pause(&machine, 0);
  } else if (error != HPE_OK) {
    const int status = status_of(error, text[std::min(parsed, good - 1)]);
    fail(status == 414 || status == 431 ? Code::kTooLarge : Code::kMalformed, status, http_errno_description(error));
  } else if (machine.upgrade != 0) {
    fail(Code::kMalformed, 400, "no other protocol is spoken here");
  } else if (between_.fault() != nullptr) {
    fail(Code::kMalformed, 400, between_.fault());
  }
  return parsed;
}

void HttpProtocol::begin_request() {
  body_bytes_ = 0;
  in_body_ = true;
  http_parser& machine = parser_->machine;
  keep_alive_ = http_should_keep_alive(&machine) != 0;
  const std::string_view url = path_and_query(parser_->url);
  const std::string_view path = url.substr(0, url.find('?'));
  const std::string_view query = path.size() < url.size() ? url.substr(path.size() + 1) : std::string_view();
  const bool gets = machine.method == HTTP_GET || machine.method == HTTP_HEAD;
  context_.stats.requests.add();
  if (parser_->head_fault() != nullptr) return fail(Code::kMalformed, 400, parser_->head_fault());
  if (parser_->unknown_coding) return fail(Code::kMalformed, 501, "the only Transfer-Encoding is chunked");
  begin_body();
  // Clients ask for these before they show a token.
  if (path == "/settings" && gets) {
    route_ = Route::kSettings;
  } else if (path == "/ping" && gets) {
    route_ = Route::kPing;
  } else if (!is_authorized()) {
    return fail(Code::kToken, 401, parser_->authorization.empty() ? "this server wants a header 'Authorization: Bearer TOKEN'"
                                                                  : "the token is not the server's");
  } else if (path != "/write" && path != "/api/v2/write") {
    return fail(Code::kMalformed, 404, "lines are taken by POST /write");
  } else if (machine.method != HTTP_POST) {
    return fail(Code::kMalformed, 405, "lines are taken by POST /write");
  } else {
    route_ = Route::kWrite;
  }
  admitted_ = admitted_ || route_ == Route::kWrite || is_authorized();
  if (route_ != Route::kWrite) return;
  TimeUnit unit;
  if (!precision_of(query, unit)) return fail(Code::kMalformed, 400, "precision is n, u, ms or s");
  if (parser_->encoded) return fail(Code::kMalformed, 415, "compressed bodies are not read");
  if (body_left_ > context_.options.body_bytes_max) return fail_too_large();
  lines_.begin_request(unit);
  // A client that waits for this sends nothing before; one whose earlier answer is still due gets that first.
  if (parser_->expects && waiting_.empty()) answers_.append("HTTP/1.1 100 Continue\r\n\r\n");
}

void HttpProtocol::begin_body() {
  const http_parser& machine = parser_->machine;
  const bool chunked = (machine.flags & F_CHUNKED) != 0;
  body_left_ = chunked || machine.content_length == ~std::uint64_t{0} ? 0 : machine.content_length;
  if (chunked) between_.expect(HttpLines::Kind::kChunkSize);
}

void HttpProtocol::begin_chunk() {
  if (over()) return;
  body_left_ = parser_->machine.content_length;
  if (body_left_ > context_.options.body_bytes_max - body_bytes_) return fail_too_large();
  // The last one has no data, and headers may follow.
  between_.expect(body_left_ == 0 ? HttpLines::Kind::kHeader : HttpLines::Kind::kChunkEnd);
}

void HttpProtocol::fail_too_large() {
  fail(Code::kTooLarge, 413, "a body has at most " + std::to_string(context_.options.body_bytes_max) + " bytes");
}

void HttpProtocol::take_body(const std::uint8_t* bytes, std::size_t length) {
  if (over()) return;
  body_left_ -= length;
  body_bytes_ += length;
  if (body_bytes_ > context_.options.body_bytes_max) return fail_too_large();
  if (route_ == Route::kWrite) note(lines_.give(bytes, length));
}

void HttpProtocol::note(LineSession::Given given) {
  if (given == LineSession::Given::kBlocked) blocked_ = true;
  if (given == LineSession::Given::kTooLong) {
    fail(Code::kTooLarge, 413, "a line has at most " + std::to_string(context_.options.line_bytes_max) + " bytes");
  }
}

void HttpProtocol::finish_request() {
  if (route_ == Route::kWrite) {
    note(lines_.end_body());
    if (blocked_ || over()) return;
  }
  const bool head_only = asks_for_head();
  body_done_ = in_request_ = in_body_ = false;
  const std::uint32_t position = context_.appender.position();
  switch (route_) {
    case Route::kSettings:
      answer(http_answer(200, settings_json(), keep_alive_, head_only), position);
      break;
    case Route::kPing:
      answer(http_answer(204, {}, keep_alive_), position);
      break;
    default:
      context_.wants_durable = true;
      if (lines_.fault_line() == 0) {
        answer(http_answer(204, {}, keep_alive_), position);
      } else {
        context_.stats.refuse(Code::kMalformed);
        const std::string message = "failed to parse line protocol: line " + std::to_string(lines_.fault_line()) + ", byte " +
                                    std::to_string(lines_.fault().position) + ": " + lines_.fault().what +
                                    "; lines that can be read are recorded, the others are kept as text";
        answer(http_answer(400, error_json("invalid", message, lines_.fault_line(), context_.stats.requests.get()), keep_alive_),
               position);
      }
  }
  if (!keep_alive_) closing_ = ends_in_order_ = true;
}

void HttpProtocol::answer(std::string text, std::uint32_t position) {
  // What needs no record is due at once, but not before what was asked earlier.
  if (route_ != Route::kWrite && waiting_.empty()) return answers_.append(text);
  owe(std::move(text), position);
}

void HttpProtocol::owe(std::string text, std::uint32_t position) {
  owed_bytes_ += text.size() + sizeof(Waiting);
  waiting_.push_back({position, std::move(text)});
}

void HttpProtocol::forget_owed() {
  waiting_.clear();
  owed_bytes_ = 0;
}

void HttpProtocol::progressed(const RingProgress& progress) {
  while (!waiting_.empty() && !is_before(progress.durable, waiting_.front().position)) {
    answers_.append(waiting_.front().answer);
    owed_bytes_ -= waiting_.front().answer.size() + sizeof(Waiting);
    waiting_.pop_front();
  }
  if (closing_ && waiting_.empty()) ended_ = true;
}

bool HttpProtocol::is_authorized() const {
  const std::string& token = context_.options.token;
  if (token.empty()) return true;
  return shows_token(parser_->authorization, token);
}

bool HttpProtocol::asks_for_head() const { return in_body_ && parser_->machine.method == HTTP_HEAD; }

bool HttpProtocol::leave(bool in_order) { return lines_.leave((in_order || ends_in_order_) && !in_request_); }

void HttpProtocol::fail(Code code, int status, std::string_view what) {
  if (over()) return;
  context_.stats.refuse(code);
  std::string text = http_answer(status, error_json(wire::name_of(code), what, 0, context_.stats.requests.get()), false,
                                 asks_for_head());
  closing_ = true;
  // Answers that are still due come first: their requests are recorded, and their clients would take this one for theirs.
  if (!waiting_.empty()) return owe(std::move(text), waiting_.back().position);
  answers_.append(text);
  ended_ = true;
}

void HttpProtocol::end(Code code, std::string_view text) {
  if (ended_) return;
  if (in_request_ || !waiting_.empty()) {
    forget_owed();
    closing_ = false;
    return fail(code, code == Code::kTimeout ? 408 : 503, text);
  }
  context_.stats.refuse(code);
  ended_ = ends_in_order_ = true;
}

}  // namespace tickforge
