// Addresses as `tickforge serve` takes them, for the reference server and the sender.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "base/unique_fd.h"
#include "options.h"

namespace tickforge::bench {

inline std::string why(const std::string& doing) { return doing + ": " + std::strerror(errno); }

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  /// `unix:PATH` or `tcp:A.B.C.D:PORT`.
  static Address parse(const std::string& text) {
    Address address;
    if (text.rfind("unix:", 0) == 0) {
      auto& local = reinterpret_cast<sockaddr_un&>(address.storage);
      const std::string path = text.substr(5);
      expect(path.size() < sizeof local.sun_path, "the socket's path is too long");
      local.sun_family = AF_UNIX;
      std::memcpy(local.sun_path, path.c_str(), path.size() + 1);
      address.length = sizeof local;
      return address;
    }
    auto& internet = reinterpret_cast<sockaddr_in&>(address.storage);
    const std::size_t colon = text.rfind(':');
    expect(text.rfind("tcp:", 0) == 0 && colon > 4, "'" + text + "' is neither unix:PATH nor tcp:HOST:PORT");
    internet.sin_family = AF_INET;
    internet.sin_port = htons(static_cast<std::uint16_t>(std::atoi(text.c_str() + colon + 1)));
    const std::string host = text.substr(4, colon - 4);
    expect(::inet_pton(AF_INET, host.c_str(), &internet.sin_addr) == 1, "'" + host + "' is no IPv4 address");
    address.length = sizeof internet;
    return address;
  }

  int family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  /// Of TCP.
  std::uint16_t port() const { return ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port); }
};

/// Listens; of a TCP port 0, `address` gets the port that the kernel chose.
inline UniqueFd listen_on(Address& address) {
  UniqueFd socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  expect(static_cast<bool>(socket), why("socket"));
  expect(::bind(socket.get(), address.get(), address.length) == 0, why("bind"));
  expect(::listen(socket.get(), 1024) == 0, why("listen"));
  address.length = sizeof address.storage;
  expect(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address.storage), &address.length) == 0,
         why("getsockname"));
  return socket;
}

inline UniqueFd connect_to(const Address& address) {
  UniqueFd socket(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  expect(static_cast<bool>(socket), why("socket"));
  expect(::connect(socket.get(), address.get(), address.length) == 0, why("connect"));
  const int on = 1;
  if (address.family() == AF_INET) (void)::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

/// Tells whoever started this program where it listens: `ready PORT`, with 0 for a Unix socket.
inline void say_ready(const Address& address) {
  std::printf("ready %d\n", address.family() == AF_INET ? address.port() : 0);
  std::fflush(stdout);
}

}  // namespace tickforge::bench
