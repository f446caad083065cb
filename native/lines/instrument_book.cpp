#include "lines/instrument_book.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "lines/short_bytes.h"

namespace tickforge {
namespace {

constexpr std::size_t kNameBytesMax = 255;
constexpr int kDecimalsMax = 18;  // docs/FORMAT.md, price_exponent

/// A bare 0, which takes a level out of a book whatever the form of the others is.
bool shows_nothing(const ExactNumber& number) { return number.magnitude == 0 && number.exponent == 0; }

/// Whether the form can stay as it is with these numbers; if so they are mantissas now.
bool fits(const DecimalForm& form, const NumberList& list) {
  for (std::size_t i = 0; i < list.numbers.size(); ++i) {
    const ExactNumber& number = list.numbers[i];
    if (shows_nothing(number)) {
      list.mantissas[i] = 0;
      continue;
    }
    if (!form.known) return false;
    if (form.uniform) {
      const bool zero_at_end = number.plain && number.exponent < 0 && number.magnitude % 10 == 0;
      if (number.exponent != -form.decimals || (zero_at_end && form.print == PrintRule::kMinimal)) return false;
    }
    if (!mantissa_at(number, form.decimals, list.mantissas[i])) return false;
  }
  return true;
}

/// One number more is known: as many decimals as it needs, and the rule that gives the texts back. While all have the
/// same count of decimals, zeros at the end show a sender of fixed decimals; from the first number with another count
/// on it is the minimal rule, for good. So the rule changes twice at most.
void learn(DecimalForm& form, const ExactNumber& number) {
  if (shows_nothing(number)) return;
  const int needed = decimals_needed(number);
  const int written = number.plain && number.exponent >= -kDecimalsMax ? std::max(-number.exponent, 0) : needed;
  if (!form.known) {
    form.known = form.uniform = true;
    form.decimals = static_cast<std::uint8_t>(std::min(written, kDecimalsMax + 1));
    form.print = written > needed ? PrintRule::kFixed : PrintRule::kMinimal;
    return;
  }
  if (form.uniform && written == form.decimals) {
    if (written > needed) form.print = PrintRule::kFixed;
    return;
  }
  form.uniform = false;
  form.print = PrintRule::kMinimal;
  form.decimals = static_cast<std::uint8_t>(std::clamp<int>(needed, form.decimals, kDecimalsMax + 1));
}

bool convert(int decimals, const NumberList& list) {
  if (decimals > kDecimalsMax) return false;
  for (std::size_t i = 0; i < list.numbers.size(); ++i) {
    if (!mantissa_at(list.numbers[i], decimals, list.mantissas[i])) return false;
  }
  return true;
}

/// The form that holds these numbers, and their mantissas at it. A number that is too large for the decimals that were
/// seen so far starts over with those that this row needs.
bool settle(DecimalForm& form, const NumberList& list) {
  for (const ExactNumber& number : list.numbers) learn(form, number);
  if (convert(form.decimals, list)) return true;
  int needed = 0;
  for (const ExactNumber& number : list.numbers) needed = std::max(needed, decimals_needed(number));
  if (!convert(needed, list)) return false;
  form.decimals = static_cast<std::uint8_t>(needed);
  form.print = PrintRule::kMinimal;
  form.uniform = false;
  return true;
}

/// The number of the instrument's definition with these forms, 0 when it has none.
std::uint32_t number_of(const LineInstrument& instrument, const DecimalForm& price, const DecimalForm& size) {
  for (const LineDefinition& one : instrument.definitions) {
    if (one.price_decimals == price.decimals && one.price_print == price.print && one.size_decimals == size.decimals &&
        one.size_print == size.print) {
      return one.number;
    }
  }
  return 0;
}

void write_definition(const LineInstrument& instrument, std::int64_t ts_recv, std::uint64_t frame, CellBuffer& out) {
  const std::size_t bytes = instrument.venue.size() + instrument.symbol.size() + kLineAdapter.size();
  const auto cells = static_cast<std::uint32_t>(1 + (bytes + kCellBytes - 1) / kCellBytes);
  auto& record = out.begin<Instrument>(RecordType::kInstrument, cells);
  record.head.flags = kFlagLast;
  record.head.instrument = instrument.number;
  record.head.ts_recv = ts_recv;
  record.head.ts_event = kNoneI64;
  record.head.frame = frame;
  record.price_exponent = static_cast<std::int8_t>(-instrument.price.decimals);
  record.size_exponent = static_cast<std::int8_t>(-instrument.size.decimals);
  record.price_print = static_cast<std::uint8_t>(instrument.price.print);
  record.size_print = static_cast<std::uint8_t>(instrument.size.print);
  record.venue_length = static_cast<std::uint8_t>(instrument.venue.size());
  record.symbol_length = static_cast<std::uint8_t>(instrument.symbol.size());
  record.adapter_length = static_cast<std::uint8_t>(kLineAdapter.size());
  auto* text = reinterpret_cast<std::uint8_t*>(&record) + kCellBytes;
  const std::string_view parts[] = {instrument.venue, instrument.symbol, kLineAdapter};
  for (const std::string_view part : parts) {
    std::memcpy(text, part.data(), part.size());
    text += part.size();
  }
}

}  // namespace

InstrumentBook::InstrumentBook(ClaimInstrument claim, std::uint32_t instruments_max, std::uint32_t definitions_max)
    : claim_(std::move(claim)), instruments_max_(instruments_max), definitions_max_(definitions_max) {}

std::size_t InstrumentBook::KeyHash::operator()(const Key& key) const {
  return hash_bytes(key.symbol, hash_bytes(key.venue, 0));
}

LineInstrument* InstrumentBook::find(std::string_view venue, std::string_view symbol) {
  const auto known = instruments_.find(Key{venue, symbol});
  if (known != instruments_.end()) return known->second.get();
  const auto bad = [](std::string_view name) { return name.empty() || name.size() > kNameBytesMax; };
  if (bad(venue) || bad(symbol) || venue.find(':') != std::string_view::npos) return nullptr;
  if (instruments_.size() >= instruments_max_) return nullptr;
  auto made = std::make_unique<LineInstrument>();
  made->venue = venue;
  made->symbol = symbol;
  LineInstrument* instrument = made.get();
  instruments_.emplace(Key{instrument->venue, instrument->symbol}, std::move(made));
  return instrument;
}

FitStatus InstrumentBook::fit(LineInstrument& instrument, const NumberList& prices, const NumberList& sizes,
                              std::int64_t ts_recv, std::uint64_t frame, CellBuffer& out) {
  if (instrument.number != 0 && fits(instrument.price, prices) && fits(instrument.size, sizes)) return FitStatus::kFits;
  DecimalForm price = instrument.price;
  DecimalForm size = instrument.size;
  if (!settle(price, prices) || !settle(size, sizes)) return FitStatus::kUnrepresentable;
  std::uint32_t number = number_of(instrument, price, size);
  const bool is_new = number == 0;
  if (is_new) {
    number = definitions_ < definitions_max_ ? claim_() : 0;
    if (number == 0) return FitStatus::kNoNumber;
    definitions_ += 1;
    instrument.definitions.push_back({price.decimals, size.decimals, price.print, size.print, number});
  }
  instrument.number = number;
  instrument.price = price;
  instrument.size = size;
  if (is_new) write_definition(instrument, ts_recv, frame, out);
  return FitStatus::kFits;
}

}  // namespace tickforge
