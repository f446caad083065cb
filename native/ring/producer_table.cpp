#include "ring/producer_table.h"

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

namespace tickforge {
namespace {

constexpr int kReadAttempts = 1000;

}  // namespace

std::uint16_t ProducerTable::claim_connection() {
  for (std::uint32_t tried = 0; tried < kConnections; ++tried) {
    const std::uint32_t number = next_connection.fetch_add(1, std::memory_order_relaxed) % kConnections;
    if (number == 0) continue;
    const std::uint64_t bit = std::uint64_t{1} << (number % 64);
    // Relaxed: the number alone is claimed, nothing is read through it.
    const std::uint64_t before = connections[number / 64].fetch_or(bit, std::memory_order_relaxed);
    if ((before & bit) == 0) return static_cast<std::uint16_t>(number);
  }
  return 0;
}

void ProducerTable::free_connection(std::uint16_t number) {
  if (number != 0) connections[number / 64].fetch_and(~(std::uint64_t{1} << (number % 64)), std::memory_order_relaxed);
}

// A sequence lock without fences: words are stored with release order, so none becomes visible before the odd lock, and
// loaded with acquire order, so the second look at the lock cannot move before them.
void ProducerTable::set_tail(const TailPoint& point) {
  const std::uint64_t odd = tail_lock.load(std::memory_order_relaxed) | 1;
  tail_lock.store(odd, std::memory_order_relaxed);
  std::array<std::uint64_t, sizeof(TailPoint) / 8> words;
  std::memcpy(words.data(), &point, sizeof point);
  for (std::size_t i = 0; i < words.size(); ++i) {
    // Few of them change from one block to the next; a store would take the line away from readers.
    if (tail_words[i].load(std::memory_order_relaxed) != words[i]) tail_words[i].store(words[i], std::memory_order_release);
  }
  tail_lock.store(odd + 1, std::memory_order_release);
}

std::optional<TailPoint> ProducerTable::tail() const {
  for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
    const std::uint64_t before = tail_lock.load(std::memory_order_acquire);
    if ((before & 1) != 0) continue;
    std::array<std::uint64_t, sizeof(TailPoint) / 8> words;
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = tail_words[i].load(std::memory_order_acquire);
    if (tail_lock.load(std::memory_order_relaxed) != before) continue;
    TailPoint point;
    std::memcpy(static_cast<void*>(&point), words.data(), sizeof point);
    return point;
  }
  return std::nullopt;
}

std::uint64_t process_started(std::uint32_t process_id) {
  const std::string path = "/proc/" + std::to_string(process_id) + "/stat";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  if (!file) return 0;
  char text[1024];
  const std::size_t length = std::fread(text, 1, sizeof text - 1, file.get());
  text[length] = '\0';
  // The name of the program, in parentheses, may hold anything; the fields are counted from behind it: state is the 3rd
  // of all, the start the 22nd.
  const char* field = std::strrchr(text, ')');
  if (field == nullptr || field[1] == '\0' || field[2] == 'Z') return 0;
  unsigned long long started = 0;
  // %*s for the state and the 18 fields between it and the start.
  const int found = std::sscanf(field + 1,
                                "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &started);
  return found == 1 ? started : 0;
}

}  // namespace tickforge
