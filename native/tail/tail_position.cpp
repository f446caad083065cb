#include "tail/tail_position.h"

#include <charconv>

namespace tickforge {
namespace {

constexpr std::string_view kStart = "start";
constexpr std::string_view kSuffix = ".tfs";

/// Takes a number off the front of `text`; false when there is none.
bool take_number(std::string_view& text, std::uint64_t& number) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string to_text(const TailPosition& position) {
  const bool begun = !position.segment.journal.empty();
  std::string text = begun ? position.segment.file_name() : std::string(kStart);
  text += ":" + std::to_string(position.record);
  if (position.of_life != 0) text += "~" + std::to_string(position.of_life);
  for (std::size_t i = 0; i < position.ahead.size(); ++i) {
    if (position.ahead[i] > 0) text += "+" + std::to_string(i) + ":" + std::to_string(position.ahead[i]);
  }
  return text;
}

std::optional<TailPosition> parse_tail_position(std::string_view text) {
  TailPosition position;
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string name(text.substr(0, colon));
  if (name != kStart) {
    if (!name.ends_with(kSuffix)) name += kSuffix;
    auto segment = parse_segment_name(name);
    if (!segment) return std::nullopt;
    position.segment = std::move(*segment);
  }
  text.remove_prefix(colon + 1);
  if (!take_number(text, position.record)) return std::nullopt;
  if (take(text, '~') && !take_number(text, position.of_life)) return std::nullopt;
  while (!text.empty()) {
    std::uint64_t producer = 0;
    if (!take(text, '+') || !take_number(text, producer) || producer >= kProducerNumbers) return std::nullopt;
    if (!take(text, ':') || !take_number(text, position.ahead[producer])) return std::nullopt;
  }
  return position;
}

}  // namespace tickforge
