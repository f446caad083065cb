// NativeSegment of src/native/binding.ts: a SegmentReader as a JavaScript object.
#pragma once

#include <napi.h>

#include <optional>

#include "journal/segment_reader.h"

namespace tickforge {

class SegmentHandle : public Napi::ObjectWrap<SegmentHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  /// Takes the SegmentReader out of an External; only openSegment constructs.
  explicit SegmentHandle(const Napi::CallbackInfo& info);

 private:
  Napi::Value load(const Napi::CallbackInfo& info);
  Napi::Value find(const Napi::CallbackInfo& info);
  Napi::Value range(const Napi::CallbackInfo& info);
  Napi::Value seek(const Napi::CallbackInfo& info);
  Napi::Value begins_behind(const Napi::CallbackInfo& info);
  Napi::Value min_ts_recv(const Napi::CallbackInfo& info);
  Napi::Value definition_blocks(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value index(const Napi::CallbackInfo& info);
  template <auto kGet>
  Napi::Value get(const Napi::CallbackInfo& info);
  /// The same for what is known when the whole index has been read.
  template <auto kGet>
  Napi::Value get_whole(const Napi::CallbackInfo& info);

  /// Null after close(), with a TypeError thrown.
  SegmentReader* reader(Napi::Env env);

  std::optional<SegmentReader> reader_;
  Napi::Reference<Napi::ArrayBuffer> index_;
  std::uint64_t index_generation_ = 0;
};

}  // namespace tickforge
