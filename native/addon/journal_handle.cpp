#include "addon/journal_handle.h"

#include <bit>
#include <mutex>
#include <vector>

#include "addon/napi_args.h"
#include "addon/registration.h"
#include "addon/ring_access.h"
#include "addon/server_handle.h"
#include "base/clock.h"
#include "core/bench_fill.h"
#include "journal/segment_name.h"

namespace tickforge {
namespace {

constexpr double kFlushMsMax = 3'600'000;

/// process.exit() runs no finalizers of the main thread. What was published by then is written all the same: when the C
/// library ends the process, this closes the recorders that are still open.
class OpenRecorders {
 public:
  static OpenRecorders& instance() {
    static OpenRecorders recorders;
    return recorders;
  }

  void add(const std::shared_ptr<Recorder>& recorder) {
    const std::lock_guard lock(mutex_);
    std::erase_if(recorders_, [](const auto& other) { return other.expired(); });
    recorders_.push_back(recorder);
  }

  ~OpenRecorders() {
    for (const auto& held : recorders_) {
      if (const auto recorder = held.lock()) (void)recorder->close();
    }
  }

 private:
  OpenRecorders() = default;

  std::mutex mutex_;
  std::vector<std::weak_ptr<Recorder>> recorders_;
};

Napi::Value bigint(Napi::Env env, std::uint64_t value) { return Napi::BigInt::New(env, value); }

Napi::Object to_js(Napi::Env env, const Watermarks& marks) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("appended", bigint(env, marks.appended));
  object.Set("written", bigint(env, marks.written));
  object.Set("durable", bigint(env, marks.durable));
  return object;
}

Napi::Object to_js(Napi::Env env, const RecoveryReport& report) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("segment", report.segment);
  object.Set("clean", report.clean);
  object.Set("blocks", static_cast<double>(report.blocks));
  object.Set("records", bigint(env, report.records));
  object.Set("tornTailBytes", static_cast<double>(report.torn_tail_bytes));
  object.Set("corruptBlocks", static_cast<double>(report.corrupt_blocks));
  object.Set("indexRebuilt", report.index_rebuilt);
  object.Set("bytesRead", static_cast<double>(report.bytes_read));
  object.Set("lastInstrument", report.last_instrument);
  object.Set("lastTsRecv", Napi::BigInt::New(env, report.last_ts_recv));
  object.Set("gapCause", report.gap_cause);
  return object;
}

Napi::Value to_js(Napi::Env env, const std::optional<Error>& error) {
  return error ? Napi::Value(to_js_error(env, *error).Value()) : env.Null();
}

/// Waits on a thread of the pool for the writer, then settles a promise.
class WaitForWriter : public Napi::AsyncWorker {
 public:
  using Operation = Result<Watermarks> (Recorder::*)();
  WaitForWriter(Napi::Env env, std::shared_ptr<Recorder> recorder, Operation operation)
      : AsyncWorker(env, "tickforge.journal"),
        recorder_(std::move(recorder)),
        operation_(operation),
        deferred_(Napi::Promise::Deferred::New(env)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }
  void Execute() override { result_.emplace((*recorder_.*operation_)()); }
  void OnOK() override {
    if (*result_) {
      deferred_.Resolve(to_js(Env(), result_->value()));
    } else {
      deferred_.Reject(to_js_error(Env(), result_->error()).Value());
    }
  }

 private:
  std::shared_ptr<Recorder> recorder_;
  Operation operation_;
  Napi::Promise::Deferred deferred_;
  std::optional<Result<Watermarks>> result_;
};

Napi::Value wait_for_writer(Napi::Env env, const std::shared_ptr<Recorder>& recorder,
                            WaitForWriter::Operation operation) {
  auto* worker = new WaitForWriter(env, recorder, operation);  // deletes itself when done
  worker->Queue();
  return worker->promise();
}

std::optional<JournalOptions> read_options(Napi::Env env, const Napi::Value& value) {
  OptionReader reader(env, value, "openJournal:");
  JournalOptions options;
  options.directory = reader.string("directory");
  options.name = reader.string("name");
  const double ring_bytes = reader.number("ringBytes", SpscRing::kBytesMin, static_cast<double>(SpscRing::kBytesMax));
  options.flush_interval_ns = static_cast<std::int64_t>(reader.number("flushIntervalMs", 0, kFlushMsMax) * 1e6);
  options.durability = reader.durability("durability");
  options.waits_for_disk = reader.boolean("waitsForDisk");
  options.new_part = reader.boolean("newPart");
  options.writer = reader.string("writer");
  if (!reader.ok()) return std::nullopt;
  options.ring_bytes = static_cast<std::size_t>(ring_bytes);
  if (options.directory.empty() || options.directory.find('\0') != std::string::npos) {
    reader.fail("directory must be a path");
  }
  if (!is_journal_name(options.name)) reader.fail("name must match [a-z0-9_-]{1,32}");
  if (static_cast<double>(options.ring_bytes) != ring_bytes || !std::has_single_bit(options.ring_bytes)) {
    reader.fail("ringBytes must be a power of two");
  }
  if (options.writer.size() > 255) reader.fail("writer must have at most 255 bytes");
  if (!reader.ok()) return std::nullopt;
  return options;
}

Napi::Value open_journal(const Napi::CallbackInfo& info, const Napi::FunctionReference& constructor) {
  const Napi::Env env = info.Env();
  const auto options = read_options(env, info[0]);
  if (!options) return env.Undefined();
  auto opened = Recorder::open(*options);
  if (!opened) return throw_js_error(env, opened.error());
  auto recorder = std::shared_ptr<Recorder>(opened.take());
  OpenRecorders::instance().add(recorder);
  return constructor.New({Napi::External<std::shared_ptr<Recorder>>::New(env, &recorder)});
}

Napi::Value bench_fill(const Napi::CallbackInfo& info, const Napi::FunctionReference& constructor) {
  const Napi::Env env = info.Env();
  const bool is_journal = info[0].IsObject() && info[0].As<Napi::Object>().InstanceOf(constructor.Value());
  if (!is_journal) return throw_type_error(env, "benchFill: journal must come from openJournal");
  const double records = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : -1;
  if (!(records >= 0 && records <= 1e12)) return throw_type_error(env, "benchFill: records must be a count");
  Recorder& recorder = *JournalHandle::Unwrap(info[0].As<Napi::Object>())->recorder();
  if (!fill_ring(*recorder.ring(), static_cast<std::uint64_t>(records), realtime_ns())) {
    return throw_js_error(env, recorder.error().value_or(Error{"TF_USAGE", "the journal is closed", "", 0}));
  }
  return env.Undefined();
}

}  // namespace

Napi::Function JournalHandle::define(Napi::Env env) {
  return DefineClass(env, "NativeJournal",
                     {InstanceMethod<&JournalHandle::wake>("wake"),
                      InstanceMethod<&JournalHandle::wait_for_space>("waitForSpace"),
                      InstanceMethod<&JournalHandle::claim_instrument>("claimInstrument"),
                      InstanceMethod<&JournalHandle::claim_connection>("claimConnection"),
                      InstanceMethod<&JournalHandle::free_connection>("freeConnection"),
                      InstanceMethod<&JournalHandle::flush>("flush"), InstanceMethod<&JournalHandle::close>("close"),
                      InstanceMethod<&JournalHandle::watermarks>("watermarks"),
                      InstanceMethod<&JournalHandle::error>("error"),
                      InstanceMethod<&JournalHandle::stalled>("stalled"),
                      InstanceMethod<&JournalHandle::reserve_missing>("reserveMissing"),
                      InstanceMethod<&JournalHandle::start_server>("startServer")});
}

JournalHandle::JournalHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsExternal()) {
    throw_type_error(env, "NativeJournal: use openJournal");
    return;
  }
  recorder_ = *info[0].As<Napi::External<std::shared_ptr<Recorder>>>().Data();
  Napi::Object self = info.This().As<Napi::Object>();
  define_ring_memory(env, self, recorder_->ring());
  self.DefineProperty(
      Napi::PropertyDescriptor::Value("recovery", to_js(env, recorder_->recovery()), napi_enumerable));
}

Napi::Value JournalHandle::wake(const Napi::CallbackInfo& info) { return wake_sleepers(info, *recorder_->ring()); }

Napi::Value JournalHandle::wait_for_space(const Napi::CallbackInfo& info) {
  return tickforge::wait_for_space(info, *recorder_->ring());
}

Napi::Value JournalHandle::claim_instrument(const Napi::CallbackInfo& info) {
  return tickforge::claim_instrument(info, recorder_->rings().table());
}

Napi::Value JournalHandle::claim_connection(const Napi::CallbackInfo& info) {
  return tickforge::claim_connection(info, recorder_->rings().table());
}

Napi::Value JournalHandle::free_connection(const Napi::CallbackInfo& info) {
  return tickforge::free_connection(info, recorder_->rings().table());
}

Napi::Value JournalHandle::flush(const Napi::CallbackInfo& info) {
  return wait_for_writer(info.Env(), recorder_, &Recorder::flush);
}

Napi::Value JournalHandle::close(const Napi::CallbackInfo& info) {
  return wait_for_writer(info.Env(), recorder_, &Recorder::close);
}

Napi::Value JournalHandle::watermarks(const Napi::CallbackInfo& info) {
  return to_js(info.Env(), recorder_->watermarks());
}

Napi::Value JournalHandle::error(const Napi::CallbackInfo& info) { return to_js(info.Env(), recorder_->error()); }

Napi::Value JournalHandle::stalled(const Napi::CallbackInfo& info) { return to_js(info.Env(), recorder_->stalled()); }

Napi::Value JournalHandle::reserve_missing(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(recorder_->reserve_missing()));
}

Napi::Value JournalHandle::start_server(const Napi::CallbackInfo& info) { return ServerHandle::start(info, recorder_); }

void register_journal(Napi::Env env, Napi::Object exports) {
  auto constructor = std::make_shared<Napi::FunctionReference>(Napi::Persistent(JournalHandle::define(env)));
  exports.Set("openJournal", Napi::Function::New(env, [constructor](const Napi::CallbackInfo& info) {
                return open_journal(info, *constructor);
              }));
  exports.Set("benchFill", Napi::Function::New(env, [constructor](const Napi::CallbackInfo& info) {
                return bench_fill(info, *constructor);
              }));
}

}  // namespace tickforge
