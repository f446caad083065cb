#include "addon/columns_handle.h"

#include <cmath>
#include <limits>
#include <string_view>

#include "addon/napi_args.h"
#include "addon/registration.h"

namespace tickforge {
namespace {

constexpr double kRowsMax = 1 << 28;

std::string_view name_of(ColumnKind kind) {
  switch (kind) {
    case ColumnKind::kTimestamp:
      return "timestamp";
    case ColumnKind::kDictionary:
      return "instrument";
    case ColumnKind::kSegment:
      return "segment";
    case ColumnKind::kSide:
      return "side";
    case ColumnKind::kTradeKind:
      return "trade_kind";
    case ColumnKind::kCause:
      return "cause";
    case ColumnKind::kRecordType:
      return "record_type";
    case ColumnKind::kQuality:
      return "quality";
    case ColumnKind::kPrice:
      return "price";
    case ColumnKind::kSize:
      return "size";
    case ColumnKind::kUint64:
      return "uint64";
    case ColumnKind::kUint32:
      return "uint32";
    case ColumnKind::kUint16:
      return "uint16";
    case ColumnKind::kBool:
      return "bool";
  }
  return "";
}

std::optional<ColumnTable> table_named(const std::string& name) {
  if (name == "trade") return ColumnTable::kTrade;
  if (name == "quote") return ColumnTable::kQuote;
  if (name == "book") return ColumnTable::kBook;
  if (name == "gap") return ColumnTable::kGap;
  if (name == "drop") return ColumnTable::kDrop;
  return std::nullopt;
}

std::optional<NumberForm> form_named(const std::string& name) {
  if (name == "decimal") return NumberForm::kDecimal;
  if (name == "int64") return NumberForm::kInt64;
  if (name == "float64") return NumberForm::kFloat64;
  return std::nullopt;
}

std::string text_of(const Napi::Value& value) {
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

/// The elements of a typed array of exactly this type; empty with `ok` cleared for anything else.
template <typename T>
std::span<T> elements_of(const Napi::Value& value, napi_typedarray_type type, bool& ok) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    ok = false;
    return {};
  }
  const auto array = value.As<Napi::TypedArray>();
  auto* data = static_cast<std::uint8_t*>(array.ArrayBuffer().Data());
  return {reinterpret_cast<T*>(data + array.ByteOffset()), array.ElementLength()};
}

std::int64_t bigint_of(const Napi::Value& value, bool& ok) {
  bool lossless = false;
  const std::int64_t number = value.IsBigInt() ? value.As<Napi::BigInt>().Int64Value(&lossless) : 0;
  ok &= lossless;
  return number;
}

/// A whole number from 0 to `max`; 0 with `ok` cleared for anything else.
std::uint64_t index_of(double number, double max, bool& ok) {
  if (number >= 0 && number <= max && number == std::floor(number)) return static_cast<std::uint64_t>(number);
  ok = false;
  return 0;
}

/// [offset, length, first record] triples, all inside of `bytes`.
std::vector<PayloadRange> payloads_of(std::span<const double> triples, std::size_t bytes, bool& ok) {
  std::vector<PayloadRange> payloads;
  payloads.reserve(triples.size() / 3);
  ok &= triples.size() % 3 == 0;
  for (std::size_t i = 0; ok && i < triples.size(); i += 3) {
    PayloadRange range;
    range.offset = index_of(triples[i], static_cast<double>(bytes), ok);
    range.length = index_of(triples[i + 1], static_cast<double>(bytes - range.offset), ok);
    range.first_record = index_of(triples[i + 2], 9007199254740991.0, ok);
    ok &= range.offset % 8 == 0;
    payloads.push_back(range);
  }
  return payloads;
}

/// A whole number from `min` to `max`; `min` with `ok` cleared for anything else.
int integer_of(const Napi::Value& value, int min, int max, bool& ok) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  if (number >= min && number <= max && number == std::floor(number)) return static_cast<int>(number);
  ok = false;
  return min;
}

Napi::Value create_columns(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto table = table_named(text_of(info[0]));
  if (!table) return throw_type_error(env, "createColumns: type must be 'trade', 'quote', 'book', 'gap' or 'drop'");
  bool ok = info[1].IsNumber();
  const std::uint64_t rows = ok ? index_of(info[1].As<Napi::Number>().DoubleValue(), kRowsMax, ok) : 0;
  if (!ok) return throw_type_error(env, "createColumns: rows must be a number of rows");
  const auto form = info[2].IsUndefined() ? NumberForm::kDecimal : form_named(text_of(info[2]));
  if (!form) return throw_type_error(env, "createColumns: form must be 'decimal', 'int64' or 'float64'");
  auto* constructor = static_cast<Napi::FunctionReference*>(info.Data());
  ColumnBuilder::Memory memory;
  if (!info[3].IsUndefined()) {
    const bool ours = info[3].IsObject() && info[3].As<Napi::Object>().InstanceOf(constructor->Value());
    if (!ours) return throw_type_error(env, "createColumns: what is gone on with must be NativeColumns");
    memory = ColumnsHandle::Unwrap(info[3].As<Napi::Object>())->memory();
  }
  auto builder = ColumnBuilder::create(*table, rows, *form, std::move(memory));
  if (!builder) return throw_js_error(env, builder.error());
  return constructor->New({Napi::External<ColumnBuilder>::New(env, &builder.value())});
}

}  // namespace

Napi::Function ColumnsHandle::define(Napi::Env env) {
  return DefineClass(env, "NativeColumns",
                     {
                         InstanceMethod<&ColumnsHandle::extract>("extract"),
                         InstanceMethod<&ColumnsHandle::reset>("reset"),
                         InstanceMethod<&ColumnsHandle::sort_by_instrument>("sortByInstrument"),
                         InstanceMethod<&ColumnsHandle::wide>("wide"),
                         InstanceMethod<&ColumnsHandle::columns>("columns"),
                         InstanceMethod<&ColumnsHandle::texts>("texts"),
                         InstanceAccessor<&ColumnsHandle::rows>("rows", napi_enumerable),
                         InstanceAccessor<&ColumnsHandle::buffer>("buffer", napi_enumerable),
                     });
}

ColumnsHandle::ColumnsHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsExternal()) {
    throw_type_error(env, "NativeColumns come from createColumns");
    return;
  }
  builder_.emplace(std::move(*info[0].As<Napi::External<ColumnBuilder>>().Data()));
  auto* owner = new MappedRegion(builder_->take_arena());
  arena_ = Napi::Persistent(Napi::ArrayBuffer::New(
      env, owner->data(), owner->size(), [](Napi::Env, void*, MappedRegion* arena) { delete arena; }, owner));
}

Napi::Value ColumnsHandle::extract(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsObject()) return throw_type_error(env, "extract: source must be an object");
  if (arena_.Value().IsDetached()) return throw_type_error(env, "extract: the columns were transferred away");
  const auto object = info[0].As<Napi::Object>();
  const Napi::Value buffer = object.Get("buffer");
  bool ok = buffer.IsArrayBuffer();
  ColumnSource source;
  if (ok) {
    auto bytes = buffer.As<Napi::ArrayBuffer>();
    source.buffer = {static_cast<const std::uint8_t*>(bytes.Data()), bytes.ByteLength()};
  }
  const auto triples = elements_of<const double>(object.Get("payloads"), napi_float64_array, ok);
  const auto position = elements_of<double>(object.Get("position"), napi_float64_array, ok);
  const std::vector<PayloadRange> payloads = payloads_of(triples, source.buffer.size(), ok);
  source.payloads = payloads;
  source.from = bigint_of(object.Get("from"), ok);
  source.to = bigint_of(object.Get("to"), ok);
  source.instruments = elements_of<const std::int32_t>(object.Get("instruments"), napi_int32_array, ok);
  source.price_shift = elements_of<const std::uint8_t>(object.Get("priceShift"), napi_uint8_array, ok);
  source.size_shift = elements_of<const std::uint8_t>(object.Get("sizeShift"), napi_uint8_array, ok);
  const int shift_max = builder_->form() == NumberForm::kFloat64 ? 255 : kShiftMax;
  for (const std::uint8_t shift : source.price_shift) ok &= shift <= shift_max;
  for (const std::uint8_t shift : source.size_shift) ok &= shift <= shift_max;
  source.price_scale = integer_of(object.Get("priceScale"), 0, 255, ok);
  source.size_scale = integer_of(object.Get("sizeScale"), 0, 255, ok);
  source.segment = integer_of(object.Get("segment"), 0, std::numeric_limits<std::int32_t>::max(), ok);
  source.journal =
      static_cast<std::uint32_t>(integer_of(object.Get("journal"), 0, ColumnBuilder::kJournalsMax - 1, ok));
  const auto named = elements_of<const std::uint8_t>(object.Get("named"), napi_uint8_array, ok);
  ok &= named.size() == 3;
  for (const std::uint8_t count : named) ok &= count <= 126;
  if (ok) {
    source.trade_kinds = named[0];
    source.causes = named[1];
    source.record_types = named[2];
  }
  ColumnPosition at;
  ok &= position.size() == 4;
  if (ok) {
    at.payload = index_of(position[0], static_cast<double>(payloads.size()), ok);
    at.offset = index_of(position[1], static_cast<double>(source.buffer.size()), ok);
    at.record = index_of(position[2], 9007199254740991.0, ok);
    at.level = index_of(position[3], kCellsPerRecordMax * kLevelsPerCell, ok);
    ok &= at.offset % kCellBytes == 0;
  }
  if (!ok) return throw_type_error(env, "extract: the source does not have the documented shape");

  auto extracted = builder_->extract(source, at);
  if (!extracted) return throw_js_error(env, extracted.error());
  position[0] = static_cast<double>(at.payload);
  position[1] = static_cast<double>(at.offset);
  position[2] = static_cast<double>(at.record);
  position[3] = static_cast<double>(at.level);
  return Napi::Boolean::New(env, extracted.value());
}

Napi::Value ColumnsHandle::reset(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (arena_.Value().IsDetached()) return throw_type_error(env, "reset: the columns were transferred away");
  builder_->reset();
  return env.Undefined();
}

Napi::Value ColumnsHandle::sort_by_instrument(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (arena_.Value().IsDetached()) return throw_type_error(env, "sortByInstrument: the columns were transferred away");
  builder_->sort_by_instrument();
  return env.Undefined();
}

Napi::Value ColumnsHandle::wide(const Napi::CallbackInfo& info) {
  Napi::Object found = Napi::Object::New(info.Env());
  found.Set("price", builder_->wide_price());
  found.Set("size", builder_->wide_size());
  return found;
}

Napi::Value ColumnsHandle::rows(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(builder_->rows()));
}

Napi::Value ColumnsHandle::buffer(const Napi::CallbackInfo&) { return arena_.Value(); }

Napi::Value ColumnsHandle::columns(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto infos = columns_of(builder_->table());
  Napi::Array list = Napi::Array::New(env, infos.size());
  for (std::uint32_t i = 0; i < infos.size(); ++i) {
    const std::string_view kind = name_of(infos[i].kind);
    Napi::Object column = Napi::Object::New(env);
    column.Set("name", Napi::String::New(env, infos[i].name.data(), infos[i].name.size()));
    column.Set("kind", Napi::String::New(env, kind.data(), kind.size()));
    column.Set("nullable", infos[i].nullable);
    column.Set("values", static_cast<double>(builder_->values_offset(i)));
    column.Set("validity", static_cast<double>(builder_->validity_offset(i)));
    column.Set("nullCount", static_cast<double>(builder_->null_count(i)));
    list.Set(i, column);
  }
  return list;
}

Napi::Value ColumnsHandle::texts(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::vector<TextCell>& texts = builder_->texts();
  Napi::Array list = Napi::Array::New(env, texts.size());
  for (std::uint32_t i = 0; i < texts.size(); ++i) {
    Napi::Object cell = Napi::Object::New(env);
    cell.Set("row", static_cast<double>(texts[i].row));
    cell.Set("text", texts[i].text);
    list.Set(i, cell);
  }
  return list;
}

void register_columns(Napi::Env env, Napi::Object exports) {
  auto* constructor = new Napi::FunctionReference(Napi::Persistent(ColumnsHandle::define(env)));
  env.AddCleanupHook([](Napi::FunctionReference* reference) { delete reference; }, constructor);
  exports.Set("createColumns", Napi::Function::New(env, create_columns, "createColumns", constructor));
}

}  // namespace tickforge
