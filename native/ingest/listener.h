// Sockets that clients connect to.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace tickforge {

struct ListenAddress {
  bool is_unix = false;
  std::string path;  // of a Unix socket
  std::string host;  // of TCP, without brackets; empty = every address of the machine
  std::string port;
};

/// `unix:PATH`, `tcp:HOST:PORT`, `tcp:[::1]:PORT`. Errors: TF_USAGE.
Result<ListenAddress> parse_listen_address(const std::string& text);

class Listener {
 public:
  /// A stale Unix socket is replaced; one that somebody listens on, and any other file, is not. Its mode is 0600. Errors:
  /// TF_LISTEN; TF_INSECURE_LISTEN when others than this machine could connect and `has_token` is false.
  static Result<Listener> open(const std::string& address, std::string_view token);
  Listener(Listener&&) noexcept = default;
  Listener& operator=(Listener&&) = delete;
  /// Removes the socket file, if it is still the one that was made.
  ~Listener();

  int fd() const { return fd_.get(); }
  /// As parse_listen_address() reads it, with the port that the kernel chose for port 0.
  const std::string& address() const { return address_; }

  enum class Outcome {
    kClient,   // in `client`
    kNone,     // nobody waits
    kRefused,  // somebody was turned away, for want of a file descriptor; others may wait
    kPause,    // the kernel has no memory: try again later
  };
  /// Takes the next client.
  Outcome accept(UniqueFd& client);

 private:
  Outcome turn_away();
  Listener(UniqueFd fd, std::string address) : fd_(std::move(fd)), address_(std::move(address)) {}
  static Result<Listener> open_unix(const std::string& path);
  static Result<Listener> open_tcp(const ListenAddress& where, const std::string& text,
                                   std::string_view token);

  UniqueFd fd_;
  /// Given up for a moment to turn a client away when there is no descriptor left. Without it the client would stay in
  /// the queue, and with it the reason to wake.
  UniqueFd spare_;
  std::string address_;
  std::string path_;  // of a Unix socket
  struct stat made_{};
};

}  // namespace tickforge
