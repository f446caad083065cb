#include "addon/server_handle.h"

#include <bit>
#include <mutex>
#include <utility>

#include "addon/line_mapping_args.h"
#include "addon/napi_args.h"

namespace tickforge {
namespace {

constexpr double kClientsMax = 1'000'000;
constexpr double kFrameBytesMax = 1 << 28;
constexpr double kIdleMsMax = 7.0 * 24 * 3600 * 1000;

/// process.exit() runs no finalizers of the main thread: when the C library ends the process, this stops the servers that
/// still run, before the journals that they record into are closed.
class OpenServers {
 public:
  static OpenServers& instance() {
    static OpenServers servers;
    return servers;
  }

  void add(const std::shared_ptr<JournalServer>& server) {
    const std::lock_guard lock(mutex_);
    std::erase_if(servers_, [](const auto& other) { return other.expired(); });
    servers_.push_back(server);
  }

  ~OpenServers() {
    for (const auto& held : servers_) {
      if (const auto server = held.lock()) server->server->stop();
    }
  }

 private:
  // Made behind the list of open journals, as a journal is opened first: so it is destroyed before that.
  OpenServers() = default;

  std::mutex mutex_;
  std::vector<std::weak_ptr<JournalServer>> servers_;
};

/// Stops a server on a thread of the pool: it may wait for the writer.
class StopServer : public Napi::AsyncWorker {
 public:
  StopServer(Napi::Env env, std::shared_ptr<JournalServer> server)
      : AsyncWorker(env, "tickforge.server"), server_(std::move(server)), deferred_(Napi::Promise::Deferred::New(env)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }
  void Execute() override { server_->server->stop(); }
  void OnOK() override { deferred_.Resolve(Env().Undefined()); }

 private:
  std::shared_ptr<JournalServer> server_;
  Napi::Promise::Deferred deferred_;
};

std::optional<IngestOptions> read_options(Napi::Env env, const Napi::Value& value) {
  OptionReader reader(env, value, "startServer:");
  IngestOptions options;
  options.listen = reader.strings("listen");
  options.token = reader.string("token");
  const std::string mapping = reader.string("mapping");
  options.clients_max = static_cast<std::uint32_t>(reader.number("maxClients", 1, kClientsMax));
  const double frame_bytes = reader.number("maxFrameBytes", kCellBytes, kFrameBytesMax);
  options.idle_ns = static_cast<std::int64_t>(reader.number("idleMs", 0, kIdleMsMax) * 1e6);
  const double ring_bytes = reader.number("ringBytes", SpscRing::kBytesMin, static_cast<double>(SpscRing::kBytesMax));
  if (!reader.ok()) return std::nullopt;
  auto lines = read_line_mapping(env, mapping);
  if (!lines) {
    throw_js_error(env, lines.error());
    return std::nullopt;
  }
  options.mapping = lines.take();
  options.payload_bytes_max = static_cast<std::uint32_t>(frame_bytes) / kCellBytes * kCellBytes;
  options.ring_bytes = static_cast<std::size_t>(ring_bytes);
  if (static_cast<double>(options.ring_bytes) != ring_bytes || !std::has_single_bit(options.ring_bytes)) {
    reader.fail("ringBytes must be a power of two");
    return std::nullopt;
  }
  return options;
}

}  // namespace

Napi::Function ServerHandle::define(Napi::Env env) {
  return DefineClass(env, "NativeServer",
                     {InstanceMethod<&ServerHandle::stats>("stats"), InstanceMethod<&ServerHandle::close>("close")});
}

ServerHandle::ServerHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsExternal()) {
    throw_type_error(env, "NativeServer: use startServer");
    return;
  }
  server_ = *info[0].As<Napi::External<std::shared_ptr<JournalServer>>>().Data();
  const auto& addresses = server_->server->addresses();
  Napi::Array list = Napi::Array::New(env, addresses.size());
  for (std::uint32_t i = 0; i < addresses.size(); ++i) list.Set(i, addresses[i]);
  // A server that nobody refers to goes on: its clients do. close() lets go of it.
  Ref();
  info.This().As<Napi::Object>().DefineProperty(Napi::PropertyDescriptor::Value("addresses", list, napi_enumerable));
}

Napi::Value ServerHandle::start(const Napi::CallbackInfo& info, const std::shared_ptr<Recorder>& recorder) {
  const Napi::Env env = info.Env();
  auto options = read_options(env, info[0]);
  if (!options) return env.Undefined();
  auto started = IngestServer::start(recorder->rings(), std::move(*options));
  if (!started) return throw_js_error(env, started.error());
  auto server = std::make_shared<JournalServer>(JournalServer{recorder, started.take()});
  OpenServers::instance().add(server);
  return define(env).New({Napi::External<std::shared_ptr<JournalServer>>::New(env, &server)});
}

Napi::Value ServerHandle::stats(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const IngestStats& stats = server_->server->stats();
  Napi::Object object = Napi::Object::New(env);
  const auto set = [&](const char* name, const Counter& counter) {
    object.Set(name, Napi::BigInt::New(env, counter.get()));
  };
  set("clients", stats.clients);
  set("clientsTotal", stats.clients_total);
  set("clientsRefused", stats.clients_refused);
  set("bytes", stats.bytes);
  set("batches", stats.batches);
  set("records", stats.records);
  set("requests", stats.requests);
  set("lines", stats.lines);
  set("rows", stats.rows);
  object.Set("definitions", Napi::BigInt::New(env, stats.definitions.get() + stats.line_definitions.get()));
  set("connections", stats.connections);
  set("waits", stats.waits);
  Napi::Object refused = Napi::Object::New(env);
  for (std::size_t code = 0; code < stats.refused.size(); ++code) {
    const char* name = wire::name_of(static_cast<wire::Code>(code));
    if (code != 0 && *name != '\0') refused.Set(name, Napi::BigInt::New(env, stats.refused[code].get()));
  }
  object.Set("refused", refused);
  return object;
}

Napi::Value ServerHandle::close(const Napi::CallbackInfo& info) {
  if (!std::exchange(closed_, true)) Unref();
  auto* worker = new StopServer(info.Env(), server_);  // deletes itself when done
  worker->Queue();
  return worker->promise();
}

}  // namespace tickforge
