// NativeProducer of src/native/binding.ts: a ring in the journal of another process as a JavaScript object.
#include <bit>
#include <optional>

#include "addon/napi_args.h"
#include "addon/registration.h"
#include "addon/ring_access.h"
#include "ring/ring_set.h"

namespace tickforge {
namespace {

/// Waits on a thread of the pool until what was published is durable, then settles a promise with true or false.
class WaitDurable : public Napi::AsyncWorker {
 public:
  WaitDurable(Napi::Env env, std::shared_ptr<JoinedRing> joined, std::int64_t timeout_ns)
      : AsyncWorker(env, "tickforge.producer"),
        joined_(std::move(joined)),
        position_(joined_->ring().published()),
        timeout_ns_(timeout_ns),
        deferred_(Napi::Promise::Deferred::New(env)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }
  void Execute() override {
    joined_->ring().ask_durable(position_);
    durable_ = joined_->ring().wait_durable(position_, timeout_ns_);
  }
  void OnOK() override { deferred_.Resolve(Napi::Boolean::New(Env(), durable_)); }

 private:
  std::shared_ptr<JoinedRing> joined_;
  std::uint32_t position_;
  std::int64_t timeout_ns_;
  Napi::Promise::Deferred deferred_;
  bool durable_ = false;
};

class ProducerHandle : public Napi::ObjectWrap<ProducerHandle> {
 public:
  using Info = Napi::CallbackInfo;

  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeProducer",
                       {InstanceMethod<&ProducerHandle::wake>("wake"),
                        InstanceMethod<&ProducerHandle::wait_for_space>("waitForSpace"),
                        InstanceMethod<&ProducerHandle::wait_durable>("waitDurable"),
                        InstanceMethod<&ProducerHandle::claim_instrument>("claimInstrument"),
                        InstanceMethod<&ProducerHandle::claim_connection>("claimConnection"),
                        InstanceMethod<&ProducerHandle::free_connection>("freeConnection"),
                        InstanceMethod<&ProducerHandle::ended>("ended"),
                        InstanceMethod<&ProducerHandle::close>("close")});
  }

  explicit ProducerHandle(const Info& info) : ObjectWrap(info) {
    if (!info[0].IsExternal()) {
      throw_type_error(info.Env(), "a NativeProducer comes from joinJournal");
      return;
    }
    joined_ = *info[0].As<Napi::External<std::shared_ptr<JoinedRing>>>().Data();
    Napi::Object self = info.This().As<Napi::Object>();
    define_ring_memory(info.Env(), self, joined_->shared_ring());
    self.DefineProperty(Napi::PropertyDescriptor::Value(
        "number", Napi::Number::New(info.Env(), joined_->producer()), napi_enumerable));
  }

 private:
  JoinedRing* joined(Napi::Env env) {
    if (joined_) return joined_.get();
    throw_type_error(env, "the producer is closed");
    return nullptr;
  }
  Napi::Value wake(const Info& info) {
    JoinedRing* ring = joined(info.Env());
    return ring == nullptr ? info.Env().Undefined() : wake_sleepers(info, ring->ring());
  }
  Napi::Value wait_for_space(const Info& info) {
    JoinedRing* ring = joined(info.Env());
    return ring == nullptr ? info.Env().Undefined() : tickforge::wait_for_space(info, ring->ring());
  }
  Napi::Value wait_durable(const Info& info) {
    const Napi::Env env = info.Env();
    if (joined(env) == nullptr) return env.Undefined();
    const double timeout_ms = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
    if (!(timeout_ms >= 0 && timeout_ms <= 3'600'000)) {
      return throw_type_error(env, "waitDurable: timeoutMs must be a number from 0 to 3600000");
    }
    auto* worker = new WaitDurable(env, joined_, static_cast<std::int64_t>(timeout_ms * 1e6));  // deletes itself when done
    worker->Queue();
    return worker->promise();
  }
  Napi::Value claim_instrument(const Info& info) {
    JoinedRing* ring = joined(info.Env());
    return ring == nullptr ? info.Env().Undefined() : tickforge::claim_instrument(info, ring->table());
  }
  Napi::Value claim_connection(const Info& info) {
    JoinedRing* ring = joined(info.Env());
    return ring == nullptr ? info.Env().Undefined() : tickforge::claim_connection(info, ring->table());
  }
  Napi::Value free_connection(const Info& info) {
    JoinedRing* ring = joined(info.Env());
    return ring == nullptr ? info.Env().Undefined() : tickforge::free_connection(info, ring->table());
  }
  Napi::Value ended(const Info& info) {
    return Napi::Boolean::New(info.Env(), !joined_ || joined_->writer_ended());
  }
  Napi::Value close(const Info& info) {
    joined_.reset();
    return info.Env().Undefined();
  }

  // Shared with waits that are under way. The ring ends with the last owner.
  std::shared_ptr<JoinedRing> joined_;
};

Napi::Value join_journal(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  OptionReader reader(env, info[0], "joinJournal:");
  const std::string directory = reader.string("directory");
  const std::string name = reader.string("name");
  const double bytes = reader.number("ringBytes", SpscRing::kBytesMin, static_cast<double>(SpscRing::kBytesMax));
  const auto ring_bytes = static_cast<std::size_t>(bytes);
  if (reader.ok() && !std::has_single_bit(ring_bytes)) reader.fail("ringBytes must be a power of two");
  if (!reader.ok()) return env.Undefined();
  auto opened = JoinedRing::open(directory, name, ring_bytes);
  if (!opened) return throw_js_error(env, opened.error());
  auto joined = std::shared_ptr<JoinedRing>(opened.take());
  auto* constructor = static_cast<Napi::FunctionReference*>(info.Data());
  return constructor->New({Napi::External<std::shared_ptr<JoinedRing>>::New(env, &joined)});
}

}  // namespace

void register_producer(Napi::Env env, Napi::Object exports) {
  auto* constructor = new Napi::FunctionReference(Napi::Persistent(ProducerHandle::define(env)));
  env.AddCleanupHook([](Napi::FunctionReference* reference) { delete reference; }, constructor);
  exports.Set("joinJournal", Napi::Function::New(env, join_journal, "joinJournal", constructor));
}

}  // namespace tickforge
