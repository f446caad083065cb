#include "addon/segment_handle.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "addon/napi_args.h"
#include "addon/registration.h"
#include "journal/recovery.h"
#include "journal/segment_parts.h"
#include "journal/segment_scan.h"

namespace tickforge {
namespace {

Napi::Value text_of(Napi::Env env, std::string_view text) { return Napi::String::New(env, text.data(), text.size()); }
Napi::Value number_of(Napi::Env env, std::uint64_t number) {
  return Napi::Number::New(env, static_cast<double>(number));
}

/// The window as an ArrayBuffer that unmaps it when it is collected.
Napi::ArrayBuffer give_away(Napi::Env env, BlockWindow& window) {
  if (window.bytes == nullptr) return Napi::ArrayBuffer::New(env, 0);
  auto* owner = new MappedRegion(std::move(window.mapping));
  return Napi::ArrayBuffer::New(
      env, window.bytes, window.length, [](Napi::Env, void*, MappedRegion* mapping) { delete mapping; }, owner);
}

/// The path that all functions here take first; false with a TypeError thrown.
bool path_argument(const Napi::CallbackInfo& info, const char* function, std::string& path) {
  if (info[0].IsString()) {
    path = info[0].As<Napi::String>().Utf8Value();
    return true;
  }
  throw_type_error(info.Env(), std::string(function) + ": path must be a string");
  return false;
}

/// The limit that may follow the path; false with a TypeError thrown.
bool limit_argument(const Napi::CallbackInfo& info, const char* function, std::uint64_t& limit) {
  if (info[1].IsUndefined()) return true;
  bool lossless = false;
  if (info[1].IsBigInt()) limit = info[1].As<Napi::BigInt>().Uint64Value(&lossless);
  if (!lossless) throw_type_error(info.Env(), std::string(function) + ": limit must be a bigint of 64 bits, unsigned");
  return lossless;
}

bool time_argument(const Napi::CallbackInfo& info, std::size_t at, const char* function, std::int64_t& ts) {
  bool lossless = false;
  if (info[at].IsBigInt()) ts = info[at].As<Napi::BigInt>().Int64Value(&lossless);
  if (!lossless) throw_type_error(info.Env(), std::string(function) + ": ts must be a bigint of 64 bits");
  return lossless;
}

Napi::ArrayBuffer copy_of(Napi::Env env, const std::vector<IndexEntry>& entries) {
  const std::size_t bytes = entries.size() * sizeof(IndexEntry);
  Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, bytes);
  if (bytes > 0) std::memcpy(copy.Data(), entries.data(), bytes);
  return copy;
}

Napi::Value open_segment(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::string path;
  std::uint64_t limit = kNoLimit;
  if (!path_argument(info, "openSegment", path)) return env.Undefined();
  if (!limit_argument(info, "openSegment", limit)) return env.Undefined();
  auto reader = SegmentReader::open(path, limit, IndexUse::kTouched);
  if (!reader) return throw_js_error(env, reader.error());
  auto* constructor = static_cast<Napi::FunctionReference*>(info.Data());
  return constructor->New({Napi::External<SegmentReader>::New(env, &reader.value())});
}

Napi::Value scan(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::string path;
  std::uint64_t limit = kNoLimit;
  if (!path_argument(info, "scanSegment", path)) return env.Undefined();
  if (!limit_argument(info, "scanSegment", limit)) return env.Undefined();
  auto scanned = scan_segment(path, limit);
  if (!scanned) return throw_js_error(env, scanned.error());
  const SegmentScan& found = scanned.value();
  Napi::Object object = Napi::Object::New(env);
  object.Set("path", found.path);
  object.Set("segmentId", Napi::BigInt::New(env, found.segment_id));
  object.Set("version", found.version);
  object.Set("blocks", number_of(env, found.blocks));
  object.Set("records", Napi::BigInt::New(env, found.records));
  object.Set("corruptBlocks", number_of(env, found.corrupt_blocks));
  object.Set("tornTailBytes", number_of(env, found.torn_tail_bytes));
  object.Set("orderErrors", number_of(env, found.order_errors));
  object.Set("indexState", text_of(env, to_string(found.index_state)));
  object.Set("closed", found.closed);
  object.Set("rewrittenFirst", number_of(env, found.rewritten_first));
  object.Set("rewrittenBlocks", number_of(env, found.rewritten_blocks));
  object.Set("minTsRecv", Napi::BigInt::New(env, found.min_ts_recv));
  object.Set("maxTsRecv", Napi::BigInt::New(env, found.max_ts_recv));
  object.Set("fileBytes", number_of(env, found.file_bytes));
  Napi::Array problems = Napi::Array::New(env, found.problems.size());
  for (std::uint32_t i = 0; i < found.problems.size(); ++i) problems.Set(i, found.problems[i]);
  object.Set("problems", problems);
  return object;
}

Napi::Value limit_of(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::string path;
  if (!path_argument(info, "limitOfPartBefore", path)) return env.Undefined();
  const std::uint64_t limit = limit_of_part_before(path);
  return limit == kNoLimit ? env.Null() : Napi::Value(Napi::BigInt::New(env, limit));
}

Napi::Value repair(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::string path;
  if (!path_argument(info, "repairSegment", path)) return env.Undefined();
  auto repaired = repair_segment(path);
  if (!repaired) return throw_js_error(env, repaired.error());
  Napi::Object object = Napi::Object::New(env);
  object.Set("tornTailBytes", number_of(env, repaired.value().torn_tail_bytes));
  object.Set("indexRebuilt", repaired.value().index_rebuilt);
  return object;
}

}  // namespace

template <auto kGet>
Napi::Value SegmentHandle::get_whole(const Napi::CallbackInfo& info) {
  SegmentReader* segment = reader(info.Env());
  if (segment == nullptr) return info.Env().Undefined();
  auto taken = segment->take_whole_index();
  if (!taken) return throw_js_error(info.Env(), taken.error());
  return kGet(info.Env(), *segment);
}

template <auto kGet>
Napi::Value SegmentHandle::get(const Napi::CallbackInfo& info) {
  SegmentReader* segment = reader(info.Env());
  return segment == nullptr ? info.Env().Undefined() : kGet(info.Env(), *segment);
}

Napi::Function SegmentHandle::define(Napi::Env env) {
  using Env = Napi::Env;
  using Reader = const SegmentReader&;
  using Whole = SegmentReader&;
  const auto property = []<auto kGet>(const char* name) {
    return InstanceAccessor<&SegmentHandle::get<kGet>>(name, napi_enumerable);
  };
  const auto whole = []<auto kGet>(const char* name) {
    return InstanceAccessor<&SegmentHandle::get_whole<kGet>>(name, napi_enumerable);
  };
  return DefineClass(
      env, "NativeSegment",
      {
          property.operator()<[](Env e, Reader r) { return text_of(e, r.path()); }>("path"),
          property.operator()<[](Env e, Reader r) -> Napi::Value { return Napi::BigInt::New(e, r.info().segment_id); }>(
              "segmentId"),
          property.operator()<[](Env e, Reader r) { return number_of(e, r.info().version); }>("version"),
          property.operator()<[](Env e, Reader r) { return text_of(e, r.info().journal); }>("journal"),
          property.operator()<[](Env e, Reader r) -> Napi::Value { return Napi::Number::New(e, r.info().day); }>("day"),
          property.operator()<[](Env e, Reader r) { return number_of(e, r.info().part); }>("part"),
          property.operator()<[](Env e, Reader r) { return number_of(e, r.block_count()); }>("blockCount"),
          whole.operator()<[](Env e, Whole r) -> Napi::Value { return Napi::BigInt::New(e, r.record_count()); }>(
              "recordCount"),
          property.operator()<[](Env e, Reader r) { return number_of(e, r.file_bytes()); }>("fileBytes"),
          property.operator()<[](Env e, Reader r) { return number_of(e, r.valid_bytes()); }>("validBytes"),
          whole.operator()<[](Env e, Whole r) { return text_of(e, to_string(r.index_state())); }>("indexState"),
          property.operator()<[](Env e, Reader r) { return number_of(e, r.index_generation()); }>("generation"),
          property.operator()<[](Env e, Reader r) -> Napi::Value { return Napi::BigInt::New(e, r.max_ts_recv()); }>(
              "maxTsRecv"),
          property.operator()<[](Env e, Reader r) -> Napi::Value {
            return r.missing_from() == kNoLimit ? e.Null() : Napi::Value(Napi::BigInt::New(e, r.missing_from()));
          }>("missingFrom"),
          InstanceAccessor<&SegmentHandle::min_ts_recv>("minTsRecv", napi_enumerable),
          InstanceAccessor<&SegmentHandle::definition_blocks>("definitionBlocks", napi_enumerable),
          property.operator()<[](Env e, Reader r) -> Napi::Value { return Napi::Boolean::New(e, r.closed()); }>(
              "closed"),
          InstanceAccessor<&SegmentHandle::index>("index", napi_enumerable),
          InstanceMethod<&SegmentHandle::load>("load"),
          InstanceMethod<&SegmentHandle::find>("find"),
          InstanceMethod<&SegmentHandle::range>("range"),
          InstanceMethod<&SegmentHandle::seek>("seek"),
          InstanceMethod<&SegmentHandle::begins_behind>("beginsBehind"),
          InstanceMethod<&SegmentHandle::close>("close"),
      });
}

SegmentHandle::SegmentHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal()) {
    throw_type_error(info.Env(), "a NativeSegment comes from openSegment");
    return;
  }
  reader_.emplace(std::move(*info[0].As<Napi::External<SegmentReader>>().Data()));
}

SegmentReader* SegmentHandle::reader(Napi::Env env) {
  if (reader_) return &*reader_;
  throw_type_error(env, "the segment is closed");
  return nullptr;
}

Napi::Value SegmentHandle::index(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  SegmentReader* segment = reader(env);
  if (segment == nullptr) return env.Undefined();
  auto taken = segment->take_whole_index();
  if (!taken) return throw_js_error(env, taken.error());
  if (index_.IsEmpty() || index_generation_ != segment->index_generation()) {
    index_ = Napi::Persistent(copy_of(env, segment->index()));
    index_generation_ = segment->index_generation();
  }
  return index_.Value();
}

Napi::Value SegmentHandle::min_ts_recv(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  SegmentReader* segment = reader(env);
  if (segment == nullptr) return env.Undefined();
  auto least = segment->min_ts_recv();
  if (!least) return throw_js_error(env, least.error());
  return Napi::BigInt::New(env, least.value());
}

Napi::Value SegmentHandle::definition_blocks(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  SegmentReader* segment = reader(env);
  if (segment == nullptr) return env.Undefined();
  auto taken = segment->take_whole_index();
  if (!taken) return throw_js_error(env, taken.error());
  std::vector<std::uint32_t> blocks;
  for (std::size_t i = 0; i < segment->index().size(); ++i) {
    if ((segment->index()[i].flags & kBlockHasDefinitions) != 0) blocks.push_back(static_cast<std::uint32_t>(i));
  }
  Napi::Uint32Array numbers = Napi::Uint32Array::New(env, blocks.size());
  std::copy(blocks.begin(), blocks.end(), numbers.Data());
  return numbers;
}

Napi::Value SegmentHandle::load(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  SegmentReader* segment = reader(env);
  if (segment == nullptr) return env.Undefined();
  const double first = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
  const double bytes = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : -1;
  if (!(first >= 0) || !(first < static_cast<double>(segment->block_count()))) {
    return throw_type_error(env, "load: first must be the number of a block");
  }
  if (!(bytes >= 0) || !(bytes <= 9007199254740991.0))
    return throw_type_error(env, "load: maxBytes must be a number of bytes");
  auto loaded = segment->load(static_cast<std::size_t>(first), static_cast<std::size_t>(bytes));
  if (!loaded) return throw_js_error(env, loaded.error());
  BlockWindow& window = loaded.value();
  Napi::Array damaged = Napi::Array::New(env, window.damaged.size());
  for (std::uint32_t i = 0; i < window.damaged.size(); ++i) damaged.Set(i, window.damaged[i]);
  Napi::Object object = Napi::Object::New(env);
  object.Set("count", number_of(env, window.count));
  object.Set("damaged", damaged);
  object.Set("entries", copy_of(env, window.entries));
  object.Set("buffer", give_away(env, window));
  return object;
}

Napi::Value SegmentHandle::find(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  SegmentReader* segment = reader(env);
  if (segment == nullptr) return env.Undefined();
  std::int64_t ts = 0;
  if (!time_argument(info, 0, "find", ts)) return env.Undefined();
  auto found = segment->find(ts);
  if (!found) return throw_js_error(env, found.error());
  return number_of(env, found.value());
}

Napi::Value SegmentHandle::range(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  SegmentReader* segment = reader(env);
  if (segment == nullptr) return env.Undefined();
  std::int64_t from = 0;
  std::int64_t to = 0;
  if (!time_argument(info, 0, "range", from) || !time_argument(info, 1, "range", to)) return env.Undefined();
  auto found = segment->range(from, to);
  if (!found) return throw_js_error(env, found.error());
  Napi::Array pair = Napi::Array::New(env, 2);
  pair.Set(0U, number_of(env, found.value().first));
  pair.Set(1U, number_of(env, found.value().second));
  return pair;
}

Napi::Value SegmentHandle::seek(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  SegmentReader* segment = reader(env);
  if (segment == nullptr) return env.Undefined();
  std::int64_t ts = 0;
  if (!time_argument(info, 0, "seek", ts)) return env.Undefined();
  auto found = segment->first_at(ts);
  if (!found) return throw_js_error(env, found.error());
  if (!found.value()) return env.Null();
  PlacedRecord& placed = *found.value();
  Napi::Object object = Napi::Object::New(env);
  object.Set("block", number_of(env, placed.block));
  object.Set("at", number_of(env, placed.offset));
  object.Set("buffer", give_away(env, placed.window));
  return object;
}

Napi::Value SegmentHandle::begins_behind(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  SegmentReader* segment = reader(env);
  if (segment == nullptr) return env.Undefined();
  std::int64_t ts = 0;
  if (!time_argument(info, 0, "beginsBehind", ts)) return env.Undefined();
  return Napi::Boolean::New(env, segment->begins_behind(ts));
}

Napi::Value SegmentHandle::close(const Napi::CallbackInfo& info) {
  reader_.reset();
  index_.Reset();
  return info.Env().Undefined();
}

void register_segment(Napi::Env env, Napi::Object exports) {
  auto* constructor = new Napi::FunctionReference(Napi::Persistent(SegmentHandle::define(env)));
  env.AddCleanupHook([](Napi::FunctionReference* reference) { delete reference; }, constructor);
  exports.Set("openSegment", Napi::Function::New(env, open_segment, "openSegment", constructor));
  exports.Set("scanSegment", Napi::Function::New<scan>(env, "scanSegment"));
  exports.Set("limitOfPartBefore", Napi::Function::New<limit_of>(env, "limitOfPartBefore"));
  exports.Set("repairSegment", Napi::Function::New<repair>(env, "repairSegment"));
}

}  // namespace tickforge
