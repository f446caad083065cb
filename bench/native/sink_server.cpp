// A server that only reads what its clients send, and throws it away: the limit of the ingest server.
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <memory>
#include <unordered_map>

#include "programs.h"
#include "sockets.h"

namespace tickforge::bench {
namespace {

void watch(int epoll, int socket, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = socket;
  expect(::epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event) == 0, why("epoll_ctl"));
}

}  // namespace

Report sink_server(Options& options) {
  Address address = Address::parse(options.text("listen"));
  const std::uint64_t clients = options.count("clients", 1);
  const std::size_t buffer_bytes = options.count("buffer", 256 << 10);
  options.done();
  const UniqueFd listener = listen_on(address);
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  watch(epoll.get(), listener.get(), EPOLLIN);
  std::unordered_map<int, UniqueFd> sockets;
  const std::unique_ptr<char[]> buffer(new char[buffer_bytes]);
  say_ready(address);

  std::uint64_t bytes = 0;
  std::uint64_t ended = 0;
  epoll_event events[512];
  const Stopwatch stopwatch;
  while (ended < clients) {
    const int count = ::epoll_wait(epoll.get(), events, 512, -1);
    for (int i = 0; i < count; ++i) {
      const int socket = events[i].data.fd;
      if (socket == listener.get()) {
        UniqueFd client(::accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!client) continue;
        watch(epoll.get(), client.get(), EPOLLIN | EPOLLET | EPOLLRDHUP);
        sockets.emplace(client.get(), std::move(client));
        continue;
      }
      for (;;) {
        const ssize_t got = ::read(socket, buffer.get(), buffer_bytes);
        if (got > 0) {
          bytes += static_cast<std::uint64_t>(got);
          continue;
        }
        if (got == 0) {
          sockets.erase(socket);
          ++ended;
        }
        break;
      }
    }
  }
  Report report;
  stopwatch.add_to(report);
  return report.add("bytes", bytes);
}

}  // namespace tickforge::bench
