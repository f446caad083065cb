#include "ingest/http_answers.h"

#include <cstdio>

namespace tickforge {
namespace {

std::string_view reason_of(int status) {
  switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    default: return "Service Unavailable";
  }
}

void append_quoted(std::string& json, std::string_view text) {
  json += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (byte < 0x20 || byte >= 0x7F) {
      // Bytes that are not ASCII may be no UTF-8 at all.
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      json += escape;
    } else {
      json += c;
    }
  }
  json += '"';
}

}  // namespace

std::string http_answer(int status, std::string_view body, bool keep_alive, bool head_only) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " ";
  text += reason_of(status);
  text += "\r\nServer: tickforge\r\n";
  if (status == 401) text += "WWW-Authenticate: Bearer, Basic realm=\"tickforge\"\r\n";
  if (status == 405) text += "Allow: POST\r\n";
  if (!keep_alive) text += "Connection: close\r\n";
  // A 204 has no body and must not say so.
  if (status != 204) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  if (!body.empty()) text += "Content-Type: application/json\r\n";
  text += "\r\n";
  if (!head_only) text += body;
  return text;
}

std::string error_json(std::string_view code, std::string_view message, std::uint64_t line, std::uint64_t error_id) {
  std::string json = "{\"code\":";
  append_quoted(json, code);
  json += ",\"message\":";
  append_quoted(json, message);
  if (line != 0) json += ",\"line\":" + std::to_string(line);
  json += ",\"errorId\":\"tickforge-" + std::to_string(error_id) + "\"}";
  return json;
}

std::string_view settings_json() {
  return "{\"config\":{\"release.type\":\"OSS\",\"release.version\":\"tickforge\",\"acl.enabled\":false,"
         "\"line.proto.support.versions\":[1,2,3],\"ilp.proto.transports\":[\"tcp\",\"http\"],"
         "\"cairo.max.file.name.length\":127},\"preferences.version\":0,\"preferences\":{}}";
}

}  // namespace tickforge
