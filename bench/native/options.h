// Arguments of a bench program: `tickforge_bench NAME key=value ...`.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

namespace tickforge::bench {

[[noreturn]] inline void fail(const std::string& message) {
  std::fprintf(stderr, "tickforge_bench: %s\n", message.c_str());
  std::exit(1);
}

/// Ends the process unless `good`: a figure whose result is wrong is no figure.
inline void expect(bool good, const std::string& message) {
  if (!good) fail(message);
}

/// The value of a Result, or the end of the process with its error.
template <typename R>
auto take_or_fail(R result) {
  if (!result) fail(result.error().message);
  return result.take();
}

class Options {
 public:
  Options(int count, char** words) {
    for (int i = 0; i < count; ++i) {
      const std::string word = words[i];
      const std::size_t equals = word.find('=');
      expect(equals != std::string::npos, "'" + word + "' is not key=value");
      values_[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }

  std::string text(const std::string& name) {
    const auto found = values_.find(name);
    expect(found != values_.end(), name + "= is missing");
    return take(found);
  }
  std::string text(const std::string& name, const std::string& otherwise) {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : take(found);
  }
  double number(const std::string& name, double otherwise) {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : to_number(name, take(found));
  }
  std::uint64_t count(const std::string& name, std::uint64_t otherwise) {
    return static_cast<std::uint64_t>(number(name, static_cast<double>(otherwise)));
  }
  /// To be called when all are read: one that nobody asked for is a mistake.
  void done() const {
    expect(values_.empty(), values_.empty() ? "" : "unknown argument " + values_.begin()->first + "=");
  }

 private:
  std::string take(std::map<std::string, std::string>::iterator found) {
    std::string value = found->second;
    values_.erase(found);
    return value;
  }
  static double to_number(const std::string& name, const std::string& text) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    expect(!text.empty() && *end == '\0' && value >= 0, name + "=" + text + " is not a number of at least 0");
    return value;
  }

  std::map<std::string, std::string> values_;
};

}  // namespace tickforge::bench
