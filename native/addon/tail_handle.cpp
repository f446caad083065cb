#include "addon/tail_handle.h"

#include <utility>

#include "addon/napi_args.h"
#include "addon/registration.h"
#include "journal/block_walk.h"
#include "journal/segment_name.h"

namespace tickforge {
namespace {

constexpr std::size_t kBatchBytes = std::size_t{1} << 20;
/// How long the thread waits before it looks whether it is to stop.
constexpr std::int64_t kWaitNs = 1'000'000'000;

Napi::Value open_tail(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  OptionReader reader(env, info[0], "openTail:");
  TailOptions options;
  options.directory = reader.string("directory");
  options.journal = reader.string("journal");
  const std::string from = reader.string("from");
  options.spin = reader.boolean("spin");
  if (reader.ok() && !is_journal_name(options.journal)) reader.fail("journal must match [a-z0-9_-]{1,32}");
  if (reader.ok() && !parse_tail_start(from, options)) {
    return throw_js_error(env, Error{"TF_USAGE", "'" + from + "' is no place to begin at: now, start, a time, or a "
                                     "position (<segment>:<record>)", "", 0});
  }
  if (!reader.ok()) return env.Undefined();
  auto opened = JournalTail::open(options);
  if (!opened) return throw_js_error(env, opened.error());
  auto tail = opened.take();
  auto* constructor = static_cast<Napi::FunctionReference*>(info.Data());
  return constructor->New({Napi::External<std::unique_ptr<JournalTail>>::New(env, &tail)});
}

// TAIL_SPAN_ flags of src/native/binding.ts.
constexpr unsigned kNewSegment = 1;
constexpr unsigned kDefines = 2;

unsigned flags_of(const TailBatch& batch, const TailSpan& span) {
  unsigned flags = span.new_segment ? kNewSegment : 0;
  for_each_record(batch.memory() + span.offset, span.bytes, [&flags](const RecordHead& head) {
    if (head.type == static_cast<std::uint8_t>(RecordType::kInstrument)) flags |= kDefines;
  });
  return flags;
}

/// TAIL_SPAN_FIELDS numbers a span.
Napi::Array to_js(Napi::Env env, const TailBatch& batch) {
  Napi::Array numbers = Napi::Array::New(env);
  std::uint32_t at = 0;
  for (const TailSpan& span : batch.spans()) {
    numbers.Set(at++, static_cast<double>(span.offset));
    numbers.Set(at++, static_cast<double>(span.bytes));
    numbers.Set(at++, static_cast<double>(span.source));
    numbers.Set(at++, static_cast<double>(flags_of(batch, span)));
  }
  return numbers;
}

}  // namespace

Napi::Function TailHandle::define(Napi::Env env) {
  return DefineClass(env, "NativeTail",
                     {InstanceMethod<&TailHandle::poll>("poll"), InstanceMethod<&TailHandle::wait>("wait"),
                      InstanceMethod<&TailHandle::position>("position"), InstanceMethod<&TailHandle::stop>("stop")});
}

TailHandle::TailHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsExternal()) {
    throw_type_error(env, "a NativeTail comes from openTail");
    return;
  }
  tail_ = std::move(*info[0].As<Napi::External<std::unique_ptr<JournalTail>>>().Data());
  memory_ = std::make_shared<std::vector<std::uint8_t>>(kBatchBytes);
  auto* owner = new std::shared_ptr<std::vector<std::uint8_t>>(memory_);
  Napi::Object self = info.This().As<Napi::Object>();
  self.DefineProperty(Napi::PropertyDescriptor::Value(
      "buffer",
      Napi::ArrayBuffer::New(
          env, memory_->data(), memory_->size(),
          [](Napi::Env, void*, std::shared_ptr<std::vector<std::uint8_t>>* held) { delete held; }, owner),
      napi_enumerable));
}

TailHandle::~TailHandle() { end_thread(); }

Result<const TailBatch*> TailHandle::next(std::int64_t timeout_ns) {
  return tail_->next(memory_->data(), memory_->size(), timeout_ns);
}

Napi::Value TailHandle::poll(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (pending_) return throw_type_error(env, "poll: wait() is pending");
  auto batch = next(0);
  if (!batch) return throw_js_error(env, batch.error());
  return to_js(env, *batch.value());
}

Napi::Value TailHandle::position(const Napi::CallbackInfo& info) {
  if (pending_) return throw_type_error(info.Env(), "position: wait() is pending");
  return Napi::String::New(info.Env(), to_text(tail_->position()));
}

Napi::Value TailHandle::wait(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (pending_) return throw_type_error(env, "wait: wait() is pending");
  pending_.emplace(Napi::Promise::Deferred::New(env));
  const Napi::Promise promise = pending_->Promise();
  const std::lock_guard lock(mutex_);
  if (stopped_) {
    pending_->Resolve(Napi::Array::New(env));
    pending_.reset();
    return promise;
  }
  if (!thread_.joinable()) {
    const Napi::Function none = Napi::Function::New(env, [](const Napi::CallbackInfo&) {});
    settle_ = Napi::ThreadSafeFunction::New(env, none, "tickforge.tail", 0, 1);
    thread_ = std::thread([this] { run(); });
  }
  // This object and the process live as long as somebody waits.
  Ref();
  settle_.Ref(env);
  wanted_ = true;
  changed_.notify_one();
  return promise;
}

void TailHandle::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return wanted_ || stopped_; });
    if (!wanted_) break;
    lock.unlock();
    do {
      result_.emplace(next(kWaitNs));
      lock.lock();
      const bool done = !*result_ || !result_->value()->empty() || stopped_;
      if (done) break;
      lock.unlock();
    } while (true);
    wanted_ = false;
    // Refused when the environment is being torn down: then nobody waits any more.
    (void)settle_.NonBlockingCall([this](Napi::Env env, Napi::Function) { settle(env); });
  }
  settle_.Release();
}

void TailHandle::settle(Napi::Env env) {
  const Napi::Promise::Deferred deferred = *pending_;
  pending_.reset();
  if (*result_) {
    deferred.Resolve(to_js(env, *result_->value()));
  } else {
    deferred.Reject(to_js_error(env, result_->error()).Value());
  }
  const std::lock_guard lock(mutex_);
  if (!stopped_) settle_.Unref(env);
  Unref();
}

Napi::Value TailHandle::stop(const Napi::CallbackInfo& info) {
  tail_->stop();
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_one();
  return info.Env().Undefined();
}

void TailHandle::end_thread() {
  if (tail_) tail_->stop();
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void register_tail(Napi::Env env, Napi::Object exports) {
  auto* constructor = new Napi::FunctionReference(Napi::Persistent(TailHandle::define(env)));
  env.AddCleanupHook([](Napi::FunctionReference* reference) { delete reference; }, constructor);
  exports.Set("openTail", Napi::Function::New(env, open_tail, "openTail", constructor));
}

}  // namespace tickforge
