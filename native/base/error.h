// Errors as values. Only native/addon turns an Error into a JavaScript error.
#pragma once

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace tickforge {

/// What a person needs: a code of the table in docs/OPERATING.md, what was being done, to which file, and the errno.
struct Error {
  std::string code;     // "TF_..."
  std::string message;  // what happened and what to do next
  std::string path;     // empty when no file is concerned
  int number = 0;       // errno, 0 when the kernel was not asked
};

/// What the kernel says, or what own_file.h means by it, which is told in other words.
inline const char* reason_of_errno(int number) {
  switch (number) {
    case ESPIPE: return "it is no file but a FIFO, a socket or a device";
    case ELOOP: return "it is a symbolic link, which is not followed here, or leads in a circle";
    default: return std::strerror(number);
  }
}

inline Error system_error(std::string code, const std::string& doing, std::string path, int number) {
  return Error{std::move(code), doing + " '" + path + "' failed: " + reason_of_errno(number), std::move(path), number};
}

/// A value or an Error. `if (!result) return result.error();`
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return content_.index() == 0; }
  T& value() { return std::get<0>(content_); }
  const T& value() const { return std::get<0>(content_); }
  T take() { return std::move(std::get<0>(content_)); }
  Error& error() { return std::get<1>(content_); }
  const Error& error() const { return std::get<1>(content_); }

 private:
  std::variant<T, Error> content_;
};

/// Success or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  explicit operator bool() const { return !error_.has_value(); }
  Error& error() { return *error_; }
  const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

}  // namespace tickforge
