// NativeTail of src/native/binding.ts: a live tail as a JavaScript object, which waits in a thread of its own.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "tail/journal_tail.h"

namespace tickforge {

class TailHandle : public Napi::ObjectWrap<TailHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit TailHandle(const Napi::CallbackInfo& info);
  TailHandle(const TailHandle&) = delete;
  TailHandle& operator=(const TailHandle&) = delete;
  ~TailHandle() override;

 private:
  Napi::Value poll(const Napi::CallbackInfo& info);
  Napi::Value wait(const Napi::CallbackInfo& info);
  Napi::Value position(const Napi::CallbackInfo& info);
  Napi::Value stop(const Napi::CallbackInfo& info);

  Result<const TailBatch*> next(std::int64_t timeout_ns);
  void run();
  void settle(Napi::Env env);
  void end_thread();

  std::unique_ptr<JournalTail> tail_;
  /// Shared with JavaScript, which may keep it longer than this object.
  std::shared_ptr<std::vector<std::uint8_t>> memory_;

  // While a wait is pending the tail and the memory are the thread's, otherwise JavaScript's.
  std::optional<Napi::Promise::Deferred> pending_;
  std::optional<Result<const TailBatch*>> result_;
  Napi::ThreadSafeFunction settle_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool wanted_ = false;
  bool stopped_ = false;
};

}  // namespace tickforge
