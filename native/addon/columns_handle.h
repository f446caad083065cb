// NativeColumns of src/native/binding.ts: a ColumnBuilder whose memory JavaScript sees.
#pragma once

#include <napi.h>

#include <optional>

#include "columns/column_builder.h"

namespace tickforge {

class ColumnsHandle : public Napi::ObjectWrap<ColumnsHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  /// Takes the ColumnBuilder out of an External; only createColumns constructs.
  explicit ColumnsHandle(const Napi::CallbackInfo& info);

  const ColumnBuilder::Memory& memory() const { return builder_->memory(); }

 private:
  Napi::Value extract(const Napi::CallbackInfo& info);
  Napi::Value reset(const Napi::CallbackInfo& info);
  Napi::Value sort_by_instrument(const Napi::CallbackInfo& info);
  Napi::Value wide(const Napi::CallbackInfo& info);
  Napi::Value rows(const Napi::CallbackInfo& info);
  Napi::Value buffer(const Napi::CallbackInfo& info);
  Napi::Value columns(const Napi::CallbackInfo& info);
  Napi::Value texts(const Napi::CallbackInfo& info);

  std::optional<ColumnBuilder> builder_;
  // Owns the builder's arena, and outlives the builder when a table was made of it.
  Napi::Reference<Napi::ArrayBuffer> arena_;
};

}  // namespace tickforge
