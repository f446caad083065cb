#include "addon/line_mapping_args.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

namespace tickforge {
namespace {

/// Reads an object's properties; the first thing that is wrong is kept, and the rest reads as defaults.
class MappingReader {
 public:
  explicit MappingReader(Napi::Env env) : env_(env) {}

  const std::optional<Error>& error() const { return error_; }

  LineMapping mapping(const Napi::Value& value) {
    LineMapping read;
    bool with_defaults = true;
    known_keys(value, "the mapping", {"venue", "lowerCaseVenue", "keepLeftOver", "defaults", "rules"});
    text(value, "venue", "venue", read.venue);
    boolean(value, "lowerCaseVenue", "lowerCaseVenue", read.lower_case_venue);
    boolean(value, "keepLeftOver", "keepLeftOver", read.keep_left_over);
    boolean(value, "defaults", "defaults", with_defaults);
    for_each(get(value, "rules"), "rules", [&](const Napi::Value& one, std::size_t i) {
      read.rules.push_back(rule(one, "rule " + std::to_string(i + 1)));
    });
    if (with_defaults) {
      LineMapping defaults = default_line_mapping();
      std::move(defaults.rules.begin(), defaults.rules.end(), std::back_inserter(read.rules));
    }
    return read;
  }

  Error fail(const std::string& what) {
    if (!error_) error_ = Error{"TF_LINE_MAPPING", "the mapping of lines: " + what, "", 0};
    return *error_;
  }

 private:
  RowRule rule(const Napi::Value& value, const std::string& where) {
    RowRule read;
    known_keys(value, where, {"table", "kind", "venue", "snapshot", "columns"});
    text(value, "table", where + ", table", read.table);
    text(value, "venue", where + ", venue", read.venue);
    boolean(value, "snapshot", where + ", snapshot", read.snapshot);
    std::string kind;
    text(value, "kind", where + ", kind", kind);
    if (!row_kind_of(kind, read.kind)) fail(where + ": kind must be trade, quote or book");
    const Napi::Value columns = get(value, "columns");
    if (!columns.IsObject() || columns.IsArray()) {
      fail(where + ": columns must be an object");
      return read;
    }
    const Napi::Array names = columns.As<Napi::Object>().GetPropertyNames();
    for (std::uint32_t i = 0; i < names.Length(); ++i) {
      const std::string name = names.Get(i).As<Napi::String>().Utf8Value();
      read.columns.push_back(column(name, get(columns, name), where + ", column '" + name + "'"));
    }
    return read;
  }

  ColumnRule column(const std::string& name, const Napi::Value& value, const std::string& where) {
    ColumnRule read;
    read.name = name;
    std::string role;
    if (value.IsString()) {
      role = value.As<Napi::String>().Utf8Value();
    } else {
      known_keys(value, where, {"role", "unit"});
      text(value, "role", where + ", role", role);
      std::string unit;
      text(value, "unit", where + ", unit", unit);
      TimeUnit known;
      if (!unit.empty() && !time_unit_of(unit, known)) fail(where + ": unit must be n, u, ms or s");
      if (!unit.empty() && time_unit_of(unit, known)) read.unit = known;
    }
    if (!column_role_of(role, read.role)) fail(where + ": '" + role + "' is no role");
    return read;
  }

  Napi::Value get(const Napi::Value& object, const std::string& key) {
    return object.IsObject() ? object.As<Napi::Object>().Get(key) : env_.Undefined();
  }

  void text(const Napi::Value& object, const char* key, const std::string& where, std::string& into) {
    const Napi::Value value = get(object, key);
    if (value.IsString()) {
      into = value.As<Napi::String>().Utf8Value();
    } else if (!value.IsUndefined()) {
      fail(where + " must be a text");
    }
  }

  void boolean(const Napi::Value& object, const char* key, const std::string& where, bool& into) {
    const Napi::Value value = get(object, key);
    if (value.IsBoolean()) {
      into = value.As<Napi::Boolean>().Value();
    } else if (!value.IsUndefined()) {
      fail(where + " must be true or false");
    }
  }

  template <typename Each>
  void for_each(const Napi::Value& value, const std::string& what, Each each) {
    if (value.IsUndefined()) return;
    if (!value.IsArray()) {
      fail(what + " must be an array");
      return;
    }
    const auto array = value.As<Napi::Array>();
    for (std::uint32_t i = 0; i < array.Length(); ++i) each(array.Get(i), i);
  }

  /// A key that is spelled wrong would silently do nothing.
  void known_keys(const Napi::Value& value, const std::string& where, std::initializer_list<std::string_view> known) {
    if (!value.IsObject() || value.IsArray()) {
      fail(where + " must be an object");
      return;
    }
    const Napi::Array names = value.As<Napi::Object>().GetPropertyNames();
    for (std::uint32_t i = 0; i < names.Length(); ++i) {
      const std::string name = names.Get(i).As<Napi::String>().Utf8Value();
      if (std::find(known.begin(), known.end(), name) == known.end()) fail(where + " has no '" + name + "'");
    }
  }

  Napi::Env env_;
  std::optional<Error> error_;
};

}  // namespace

Result<LineMapping> read_line_mapping(Napi::Env env, const std::string& json) {
  if (json.empty()) return default_line_mapping();
  MappingReader reader(env);
  const Napi::Object parser = env.Global().Get("JSON").As<Napi::Object>();
  const Napi::Value parsed = parser.Get("parse").As<Napi::Function>().Call(parser, {Napi::String::New(env, json)});
  if (env.IsExceptionPending()) return reader.fail(env.GetAndClearPendingException().Message());
  LineMapping mapping = reader.mapping(parsed);
  if (reader.error()) return *reader.error();
  return mapping;
}

}  // namespace tickforge
