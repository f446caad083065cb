#include "journal/preamble.h"

#include <algorithm>
#include <cstring>

namespace tickforge {
namespace {

template <typename T>
T read(const std::uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

/// Of producer 0 venue and symbol, told apart by the venue's length; lengths that leave the record are cut: a key, not a
/// reader. Of another producer, which may stand for many clients that define the same symbol each in its own way, all that
/// the definition says.
std::string key_of(std::uint32_t producer, const std::uint8_t* record) {
  const auto instrument = read<Instrument>(record);
  const std::size_t room = (instrument.head.cells - std::size_t{1}) * kCellBytes;
  if (producer != 0) {
    std::string key(1, static_cast<char>(producer));
    return key.append(reinterpret_cast<const char*>(record) + sizeof(RecordHead), room + kCellBytes - sizeof(RecordHead));
  }
  const std::size_t wanted = std::size_t{instrument.venue_length} + instrument.symbol_length;
  std::string key{static_cast<char>(producer), static_cast<char>(instrument.venue_length)};
  key.append(reinterpret_cast<const char*>(record) + kCellBytes, std::min(room, wanted));
  return key;
}

}  // namespace

void Preamble::note(std::uint32_t producer, const std::uint8_t* record) {
  const auto head = read<RecordHead>(record);
  const auto bytes = [&] { return Record(record, record + head.cells * kCellBytes); };
  if (head.type == static_cast<std::uint8_t>(RecordType::kInstrument)) {
    instruments_[key_of(producer, record)] = bytes();
  } else if (head.type == static_cast<std::uint8_t>(RecordType::kConnection)) {
    const auto number = static_cast<std::uint16_t>(head.frame >> kFrameNumberBits);
    if (read<Connection>(record).event == static_cast<std::uint8_t>(ConnectionEvent::kOpen)) {
      connections_[number] = {producer, bytes()};
    } else {
      connections_.erase(number);
    }
  }
}

void Preamble::append_copies(std::vector<std::uint8_t>& records, std::int64_t ts_recv) const {
  const auto append = [&](const Record& record) {
    auto head = read<RecordHead>(record.data());
    head.flags |= kFlagCopy;
    head.ts_recv = ts_recv;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&head);
    records.insert(records.end(), bytes, bytes + sizeof head);
    records.insert(records.end(), record.begin() + sizeof head, record.end());
  };
  std::vector<const Record*> by_number;
  for (const auto& [key, record] : instruments_) by_number.push_back(&record);
  std::sort(by_number.begin(), by_number.end(), [](const Record* a, const Record* b) {
    return read<RecordHead>(a->data()).instrument < read<RecordHead>(b->data()).instrument;
  });
  for (const Record* record : by_number) append(*record);
  for (const auto& [number, open] : connections_) append(open.record);
}

std::vector<std::uint16_t> Preamble::connections_of(std::uint32_t producer) const {
  std::vector<std::uint16_t> numbers;
  for (const auto& [number, open] : connections_) {
    if (open.producer == producer) numbers.push_back(number);
  }
  return numbers;
}

void Preamble::forget_connections(std::uint32_t producer) {
  std::erase_if(connections_, [producer](const auto& entry) { return entry.second.producer == producer; });
}

}  // namespace tickforge
