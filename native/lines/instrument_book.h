// Numbers, exponents and print rules of the instruments that lines name, for one journal.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "format/record.h"
#include "lines/cell_buffer.h"
#include "lines/exact_number.h"

namespace tickforge {

/// How one kind of number of an instrument (its prices, its sizes) is written.
struct DecimalForm {
  std::uint8_t decimals = 0;
  PrintRule print = PrintRule::kMinimal;
  bool known = false;    // a number was seen
  bool uniform = false;  // every number so far was written with exactly `decimals` decimals
};

/// What a definition says of the decimals, and its number.
struct LineDefinition {
  std::uint8_t price_decimals;
  std::uint8_t size_decimals;
  PrintRule price_print;
  PrintRule size_print;
  std::uint32_t number;
};

struct LineInstrument {
  std::string venue;
  std::string symbol;
  std::uint32_t number = 0;  // of the definition in force; 0 = not defined yet
  DecimalForm price;
  DecimalForm size;
  // Each says something else: numbers that go to and fro between two of them do not fill the journal with more.
  std::vector<LineDefinition> definitions;
};

/// Numbers of one kind of a row, and the mantissas that they become.
struct NumberList {
  std::span<const ExactNumber> numbers;
  std::int64_t* mantissas;  // as many
};

enum class FitStatus : std::uint8_t {
  kFits,
  kUnrepresentable,  // a number fits no 64-bit mantissa, or not one with the others
  kNoNumber,         // there are too many definitions
};

class InstrumentBook {
 public:
  /// Next free instrument number of the journal; 0 = there is none.
  using ClaimInstrument = std::function<std::uint32_t()>;

  explicit InstrumentBook(ClaimInstrument claim, std::uint32_t instruments_max = 1u << 16,
                          std::uint32_t definitions_max = 1u << 18);

  /// The instrument, made when it is new. nullptr when a name is empty or longer than 255 bytes, a venue holds ':', or
  /// there are instruments_max already. Allocates only for a new one.
  LineInstrument* find(std::string_view venue, std::string_view symbol);

  /// Turns a row's numbers into mantissas at the instrument's exponents. If no definition that it had fits them, a new
  /// one is written to `out` first: kDefinitionCellsMax cells must be free. Unless they fit, nothing is changed.
  FitStatus fit(LineInstrument& instrument, const NumberList& prices, const NumberList& sizes, std::int64_t ts_recv,
                std::uint64_t frame, CellBuffer& out);

  std::uint64_t definitions() const { return definitions_; }
  std::size_t instruments() const { return instruments_.size(); }

 private:
  struct Key {
    std::string_view venue;
    std::string_view symbol;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };

  ClaimInstrument claim_;
  std::uint32_t instruments_max_;
  std::uint32_t definitions_max_;
  std::unordered_map<Key, std::unique_ptr<LineInstrument>, KeyHash> instruments_;  // keys are views of the value
  std::uint64_t definitions_ = 0;
};

/// What a definition written here says of the reading that made it.
inline constexpr std::string_view kLineAdapter = "line";

/// Two names of 255 bytes and the adapter behind the first cell.
inline constexpr std::uint32_t kDefinitionCellsMax =
    1 + static_cast<std::uint32_t>((255 + 255 + kLineAdapter.size() + kCellBytes - 1) / kCellBytes);

}  // namespace tickforge
