// NativeJournal of src/native/binding.ts: a Recorder as a JavaScript object.
#pragma once

#include <napi.h>

#include <memory>

#include "core/recorder.h"

namespace tickforge {

class JournalHandle : public Napi::ObjectWrap<JournalHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  /// Takes the Recorder from an External; only openJournal constructs.
  explicit JournalHandle(const Napi::CallbackInfo& info);

  const std::shared_ptr<Recorder>& recorder() const { return recorder_; }

 private:
  Napi::Value wake(const Napi::CallbackInfo& info);
  Napi::Value wait_for_space(const Napi::CallbackInfo& info);
  Napi::Value claim_instrument(const Napi::CallbackInfo& info);
  Napi::Value claim_connection(const Napi::CallbackInfo& info);
  Napi::Value free_connection(const Napi::CallbackInfo& info);
  Napi::Value flush(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value watermarks(const Napi::CallbackInfo& info);
  Napi::Value error(const Napi::CallbackInfo& info);
  Napi::Value stalled(const Napi::CallbackInfo& info);
  Napi::Value reserve_missing(const Napi::CallbackInfo& info);
  Napi::Value start_server(const Napi::CallbackInfo& info);

  // Shared with flushes and closes that are under way. The last owner's destructor stops the writer thread, so a handle
  // that is collected without close() still writes what was published.
  std::shared_ptr<Recorder> recorder_;
};

}  // namespace tickforge
