#include "ingest/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <memory>

namespace tickforge {
namespace {

constexpr const char* kCode = "TF_LISTEN";
constexpr int kBacklog = 1024;
constexpr mode_t kSocketMode = 0600;
/// Of a token that strangers can try to guess.
constexpr std::size_t kTokenBytesMin = 16;

Error usage(const std::string& text) {
  return Error{"TF_USAGE", "'" + text + "' is no address: write unix:PATH, tcp:HOST:PORT or tcp:[IPV6]:PORT", "", 0};
}

bool is_port(const std::string& text) {
  return !text.empty() && text.size() <= 5 && text.find_first_not_of("0123456789") == std::string::npos &&
         std::stoul(text) <= 65535;
}

bool is_loopback(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    const auto* four = reinterpret_cast<const sockaddr_in*>(address);
    return ntohl(four->sin_addr.s_addr) >> 24 == 127;
  }
  const in6_addr& six = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&six)) return six.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&six);
}

/// As tcp:HOST:PORT with numbers.
std::string name_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  char host[INET6_ADDRSTRLEN + 16] = "";
  char port[8] = "";
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  ::getnameinfo(reinterpret_cast<sockaddr*>(&address), length, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
  const bool six = address.ss_family == AF_INET6;
  return std::string("tcp:") + (six ? "[" : "") + host + (six ? "]:" : ":") + port;
}

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error{kCode, "the path of a Unix socket has at most " + std::to_string(sizeof address.sun_path - 1) +
                            " bytes: '" + path + "'", path, 0};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

/// Makes room for a socket at `path`.
Result<void> remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode)) {
    return Error{kCode, "'" + path + "' exists and is no socket: it is left alone", path, EEXIST};
  }
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return system_error(kCode, "looking at", path, errno);
  const int connected = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  // A full queue (EAGAIN) has somebody who listens, too.
  if (connected == 0 || errno != ECONNREFUSED) {
    return Error{kCode, "somebody listens on '" + path + "'", path, EADDRINUSE};
  }
  if (::unlink(path.c_str()) != 0) return system_error(kCode, "replacing", path, errno);
  return {};
}

}  // namespace

Result<ListenAddress> parse_listen_address(const std::string& text) {
  ListenAddress address;
  if (text.find('\0') != std::string::npos) return usage(text);
  if (text.rfind("unix:", 0) == 0) {
    address.is_unix = true;
    address.path = text.substr(5);
    if (address.path.empty()) return usage(text);
    return address;
  }
  if (text.rfind("tcp:", 0) != 0) return usage(text);
  const std::size_t colon = text.rfind(':');
  if (colon < 4) return usage(text);
  address.host = text.substr(4, colon - 4);
  address.port = text.substr(colon + 1);
  const bool bracketed = address.host.size() >= 2 && address.host.front() == '[' && address.host.back() == ']';
  if (bracketed) address.host = address.host.substr(1, address.host.size() - 2);
  if (!bracketed && address.host.find(':') != std::string::npos) return usage(text);
  if (address.host == "*") address.host.clear();
  if (!is_port(address.port)) return usage(text);
  return address;
}

Result<Listener> Listener::open(const std::string& address, std::string_view token) {
  auto where = parse_listen_address(address);
  if (!where) return where.error();
  auto listener = where.value().is_unix ? open_unix(where.value().path) : open_tcp(where.value(), address, token);
  if (!listener) return listener.error();
  Listener opened = listener.take();
  opened.spare_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return opened;
}

Result<Listener> Listener::open_unix(const std::string& path) {
  auto address = unix_address(path);
  if (!address) return address.error();
  auto stale = remove_stale(path, address.value());
  if (!stale) return stale.error();
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return system_error(kCode, "making the socket", path, errno);
  // The mode of the socket is that of the file which bind() makes: nobody can connect before it is right.
  ::fchmod(fd.get(), kSocketMode);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address.value()), sizeof(sockaddr_un)) != 0) {
    return system_error(kCode, "making the socket", path, errno);
  }
  Listener listener(std::move(fd), "unix:" + path);
  if (::lstat(path.c_str(), &listener.made_) == 0) listener.path_ = path;
  if (::listen(listener.fd(), kBacklog) != 0) return system_error(kCode, "listening on", path, errno);
  return listener;
}

Result<Listener> Listener::open_tcp(const ListenAddress& where, const std::string& text, std::string_view token) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* raw = nullptr;
  const char* host = where.host.empty() ? nullptr : where.host.c_str();
  const int looked_up = ::getaddrinfo(host, where.port.c_str(), &hints, &raw);
  if (looked_up != 0) return Error{kCode, "'" + text + "': " + ::gai_strerror(looked_up), "", 0};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> found(raw, &::freeaddrinfo);
  if (token.size() < kTokenBytesMin && !is_loopback(found->ai_addr)) {
    const std::string what = token.empty() ? "no token is set" : "the token is too easily guessed";
    return Error{"TF_INSECURE_LISTEN", "'" + text + "' can be reached from other machines, and " + what + ": set one of at least " +
                                           std::to_string(kTokenBytesMin) + " bytes", "", 0};
  }
  UniqueFd fd(::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return system_error(kCode, "making the socket", text, errno);
  const int yes = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  // Accepted sockets inherit these. Acknowledgements are small and waited for; a peer that is gone is noticed some time.
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
  if (::bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    return system_error(kCode, "listening on", text, errno);
  }
  std::string name = name_of(fd.get());
  return Listener(std::move(fd), std::move(name));
}

Listener::~Listener() {
  struct stat now{};
  if (!fd_ || path_.empty() || ::lstat(path_.c_str(), &now) != 0) return;
  if (now.st_dev == made_.st_dev && now.st_ino == made_.st_ino) ::unlink(path_.c_str());
}

Listener::Outcome Listener::turn_away() {
  spare_.reset();
  // Only now is it known whether somebody waits: the kernel looks for a descriptor first.
  UniqueFd client(::accept4(fd(), nullptr, nullptr, SOCK_CLOEXEC));
  const bool waited = static_cast<bool>(client);
  client.reset();
  spare_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return waited ? Outcome::kRefused : Outcome::kNone;
}

Listener::Outcome Listener::accept(UniqueFd& client) {
  for (;;) {
    client.reset(::accept4(fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (client) return Outcome::kClient;
    switch (errno) {
      case EAGAIN:
        return Outcome::kNone;
      case EMFILE:
      case ENFILE:
        return spare_ ? turn_away() : Outcome::kPause;
      case ENOBUFS:
      case ENOMEM:
        return Outcome::kPause;
      default:
        // Errors of a connection that died in the queue, and EINTR: the next one may be well.
        continue;
    }
  }
}

}  // namespace tickforge
