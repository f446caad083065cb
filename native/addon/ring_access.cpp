#include "addon/ring_access.h"

#include "addon/napi_args.h"

namespace tickforge {
namespace {

constexpr double kTimeoutMsMax = 3'600'000;

Napi::ArrayBuffer share(Napi::Env env, const std::shared_ptr<SpscRing>& ring, std::uint8_t* memory,
                        std::size_t length) {
  auto* owner = new std::shared_ptr<SpscRing>(ring);
  return Napi::ArrayBuffer::New(
      env, memory, length, [](Napi::Env, void*, std::shared_ptr<SpscRing>* held) { delete held; }, owner);
}

}  // namespace

void define_ring_memory(Napi::Env env, Napi::Object self, const std::shared_ptr<SpscRing>& ring) {
  const auto property = [&](const char* name, Napi::Value value) {
    self.DefineProperty(Napi::PropertyDescriptor::Value(name, value, napi_enumerable));
  };
  property("ringControl", share(env, ring, ring->control(), SpscRing::kControlBytes));
  property("ringCells", share(env, ring, ring->cells(), 2 * ring->bytes()));
}

Napi::Value wake_sleepers(const Napi::CallbackInfo& info, SpscRing& ring) {
  ring.wake_readers();
  ring.wake_consumer();
  return info.Env().Undefined();
}

Napi::Value wait_for_space(const Napi::CallbackInfo& info, SpscRing& ring) {
  const Napi::Env env = info.Env();
  const double cells = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
  const double timeout_ms = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : -1;
  if (!(cells >= 0 && cells <= ring.capacity())) {
    return throw_type_error(env, "waitForSpace: cells must be a count of at most the ring's capacity");
  }
  if (!(timeout_ms >= 0 && timeout_ms <= kTimeoutMsMax)) {
    return throw_type_error(env, "waitForSpace: timeoutMs must be a number from 0 to 3600000");
  }
  const auto timeout_ns = static_cast<std::int64_t>(timeout_ms * 1e6);
  return Napi::Boolean::New(env, ring.wait_for_space(static_cast<std::uint32_t>(cells), timeout_ns));
}

Napi::Value claim_instrument(const Napi::CallbackInfo& info, ProducerTable& table) {
  return Napi::Number::New(info.Env(), table.claim_instrument());
}

Napi::Value claim_connection(const Napi::CallbackInfo& info, ProducerTable& table) {
  return Napi::Number::New(info.Env(), table.claim_connection());
}

Napi::Value free_connection(const Napi::CallbackInfo& info, ProducerTable& table) {
  const Napi::Env env = info.Env();
  const double number = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0 && number < ProducerTable::kConnections)) {
    return throw_type_error(env, "freeConnection: number must be one that claimConnection gave");
  }
  table.free_connection(static_cast<std::uint16_t>(number));
  return env.Undefined();
}

}  // namespace tickforge
