// Arguments in, errors out. A bad option is a TypeError with the code TF_USAGE that names it; a failed operation is an Error
// with the properties code, path and errno.
#pragma once

#include <napi.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "journal/durability.h"

namespace tickforge {

inline Napi::Error to_js_error(Napi::Env env, const Error& error) {
  Napi::Error thrown = Napi::Error::New(env, error.message);
  thrown.Set("code", Napi::String::New(env, error.code));
  thrown.Set("path", Napi::String::New(env, error.path));
  thrown.Set("errno", Napi::Number::New(env, error.number));
  return thrown;
}

/// Throws; the caller returns at once.
inline Napi::Value throw_js_error(Napi::Env env, const Error& error) {
  to_js_error(env, error).ThrowAsJavaScriptException();
  return env.Undefined();
}

inline Napi::Value throw_type_error(Napi::Env env, const std::string& message) {
  Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
  return env.Undefined();
}

/// Reads the properties of an options object. The first wrong one throws a TypeError; the rest then read as defaults.
class OptionReader {
 public:
  OptionReader(Napi::Env env, const Napi::Value& value, const char* what) : env_(env), what_(what) {
    if (value.IsObject()) {
      object_ = value.As<Napi::Object>();
    } else {
      fail("must be an object");
    }
  }

  /// False once a TypeError was thrown.
  bool ok() const { return !failed_; }

  std::string string(const char* name) {
    const Napi::Value value = get(name);
    if (failed_) return {};
    if (value.IsString()) return value.As<Napi::String>().Utf8Value();
    fail(std::string(name) + " must be a string");
    return {};
  }

  std::vector<std::string> strings(const char* name) {
    const Napi::Value value = get(name);
    if (failed_) return {};
    std::vector<std::string> texts;
    bool good = value.IsArray();
    const std::uint32_t length = good ? value.As<Napi::Array>().Length() : 0;
    for (std::uint32_t i = 0; i < length && good; ++i) {
      const Napi::Value item = value.As<Napi::Array>().Get(i);
      good = item.IsString();
      if (good) texts.push_back(item.As<Napi::String>().Utf8Value());
    }
    if (!good) fail(std::string(name) + " must be an array of strings");
    return texts;
  }

  bool boolean(const char* name) {
    const Napi::Value value = get(name);
    if (failed_) return false;
    if (value.IsBoolean()) return value.As<Napi::Boolean>().Value();
    fail(std::string(name) + " must be a boolean");
    return false;
  }

  double number(const char* name, double min, double max) {
    const Napi::Value value = get(name);
    if (failed_) return min;
    const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
    if (number >= min && number <= max) return number;
    fail(std::string(name) + " must be a number from " + text(min) + " to " + text(max));
    return min;
  }

  /// 'batch', 'os', or the milliseconds between two syncs.
  Durability durability(const char* name) {
    constexpr double kMsMin = 1;
    constexpr double kMsMax = 3'600'000;
    const Napi::Value value = get(name);
    if (failed_) return {};
    const std::string word = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
    if (word == "batch") return Durability::batch();
    if (word == "os") return Durability::os();
    const double ms = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
    if (ms >= kMsMin && ms <= kMsMax) return Durability::interval(static_cast<std::int64_t>(ms * 1e6));
    fail(std::string(name) + " must be 'batch', 'os' or a number of milliseconds from 1 to 3600000");
    return {};
  }

  /// Throws a TypeError, unless one was thrown already.
  void fail(const std::string& message) {
    if (!failed_) {
      Napi::Error error = Napi::TypeError::New(env_, std::string(what_) + " " + message);
      error.Set("code", Napi::String::New(env_, "TF_USAGE"));
      error.ThrowAsJavaScriptException();
    }
    failed_ = true;
  }

 private:
  Napi::Value get(const char* name) {
    if (failed_) return {};
    const Napi::Value value = object_.Get(name);
    // A getter of the caller's may have thrown.
    failed_ = env_.IsExceptionPending();
    return value;
  }

  static std::string text(double number) { return std::to_string(static_cast<std::int64_t>(number)); }

  Napi::Env env_;
  const char* what_;
  Napi::Object object_;
  bool failed_ = false;
};

}  // namespace tickforge
