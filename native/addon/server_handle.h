// NativeServer of src/native/binding.ts: an IngestServer as a JavaScript object.
#pragma once

#include <napi.h>

#include <memory>

#include "core/recorder.h"
#include "ingest/server.h"

namespace tickforge {

/// A server with the journal that it records into, which lives at least as long.
struct JournalServer {
  std::shared_ptr<Recorder> recorder;
  std::unique_ptr<IngestServer> server;
};

class ServerHandle : public Napi::ObjectWrap<ServerHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  /// Takes a JournalServer from an External; only start() constructs.
  explicit ServerHandle(const Napi::CallbackInfo& info);
  /// startServer(options) of a journal.
  static Napi::Value start(const Napi::CallbackInfo& info, const std::shared_ptr<Recorder>& recorder);

 private:
  Napi::Value stats(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  // Shared with a close that is under way. The last owner's destructor stops the thread.
  std::shared_ptr<JournalServer> server_;
  bool closed_ = false;
};

}  // namespace tickforge
