// Entry point of tickforge.node. JavaScript values are kept per environment, so it loads in any number of workers.
#include <napi.h>

#include <cstring>

#include "addon/napi_args.h"
#include "addon/registration.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "journal/storage.h"

namespace tickforge {
namespace {

Napi::Value now(const Napi::CallbackInfo& info) { return Napi::BigInt::New(info.Env(), realtime_ns()); }

Napi::Value stamp(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::int64_t ts = realtime_ns();
  if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().ByteLength() < sizeof ts) {
    return throw_type_error(env, "stamp: view must be a typed array of at least 8 bytes");
  }
  const auto view = info[0].As<Napi::TypedArray>();
  std::memcpy(static_cast<std::uint8_t*>(view.ArrayBuffer().Data()) + view.ByteOffset(), &ts, sizeof ts);
  return env.Undefined();
}

Napi::Value js_crc32c(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsTypedArray()) return throw_type_error(env, "crc32c: bytes must be a Uint8Array");
  const auto view = info[0].As<Napi::TypedArray>();
  const auto* bytes = static_cast<const std::uint8_t*>(view.ArrayBuffer().Data()) + view.ByteOffset();
  return Napi::Number::New(env, crc32c(bytes, view.ByteLength()));
}

Napi::Value writer_kind(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), storage_kind()); }

}  // namespace

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("now", Napi::Function::New<now>(env, "now"));
  exports.Set("stamp", Napi::Function::New<stamp>(env, "stamp"));
  exports.Set("crc32c", Napi::Function::New<js_crc32c>(env, "crc32c"));
  exports.Set("writerKind", Napi::Function::New<writer_kind>(env, "writerKind"));
  register_journal(env, exports);
  register_producer(env, exports);
  register_segment(env, exports);
  register_tail(env, exports);
  register_columns(env, exports);
  return exports;
}

}  // namespace tickforge

static Napi::Object Init(Napi::Env env, Napi::Object exports) { return tickforge::init(env, exports); }
NODE_API_MODULE(tickforge, Init)
