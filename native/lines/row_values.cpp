#include "lines/row_values.h"

#include "format/record.h"

namespace tickforge {
namespace {

bool is_text(LineValueKind kind) {
  return kind == LineValueKind::kSymbol || kind == LineValueKind::kString || kind == LineValueKind::kWord;
}

ValueStatus status_of(NumberStatus status) {
  if (status == NumberStatus::kNumber) return ValueStatus::kHere;
  return status == NumberStatus::kTooLarge ? ValueStatus::kTooLarge : ValueStatus::kOther;
}

bool are_digits(std::string_view text) { return text.find_first_not_of("0123456789") == std::string_view::npos; }

}  // namespace

ValueStatus number_value(const LineColumn* column, ExactNumber& number) {
  if (column == nullptr) return ValueStatus::kAbsent;
  switch (column->kind) {
    case LineValueKind::kNumber:
    case LineValueKind::kInteger:
    case LineValueKind::kDecimal:
      number = column->number;
      return ValueStatus::kHere;
    case LineValueKind::kDouble:
      return status_of(number_of_double(column->bits, number));
    case LineValueKind::kSymbol:
    case LineValueKind::kString:
    case LineValueKind::kWord:
      return is_none(column->text) ? ValueStatus::kAbsent : status_of(read_number(column->text, number));
    case LineValueKind::kTooLarge:
      return ValueStatus::kTooLarge;
    case LineValueKind::kNull:
      return ValueStatus::kAbsent;
    default:
      return ValueStatus::kOther;
  }
}

ValueStatus id_value(const LineColumn* column, std::uint64_t& id) {
  if (column == nullptr) return ValueStatus::kAbsent;
  if (is_text(column->kind)) {
    const std::string_view text = column->text;
    if (is_none(text)) return ValueStatus::kAbsent;
    if (!are_digits(text) || (text.front() == '0' && text.size() > 1)) return ValueStatus::kOther;
  }
  ExactNumber number;
  const ValueStatus status = number_value(column, number);
  if (status != ValueStatus::kHere) return status;
  if (number.negative && number.magnitude != 0) return ValueStatus::kOther;
  id = number.magnitude;
  std::int64_t whole = 0;
  if (number.exponent != 0) {
    if (!mantissa_at(number, 0, whole)) return ValueStatus::kOther;
    id = static_cast<std::uint64_t>(whole);
  }
  return id == kNoneU64 ? ValueStatus::kOther : ValueStatus::kHere;
}

std::string_view id_text(const LineColumn& column) {
  std::string_view text = column.text;
  switch (column.kind) {
    case LineValueKind::kSymbol:
    case LineValueKind::kString:
    case LineValueKind::kNumber:
      return text;
    case LineValueKind::kInteger:
    case LineValueKind::kWord:
    case LineValueKind::kTooLarge:
      if (text.size() > 1 && text.back() == 'i') text.remove_suffix(1);
      return text;
    default:
      return {};
  }
}

ValueStatus time_value(const LineColumn* column, std::optional<TimeUnit> unit, std::int64_t& time) {
  if (column == nullptr) return ValueStatus::kAbsent;
  if (column->kind == LineValueKind::kTime) {
    time = column->time;
    return ValueStatus::kHere;
  }
  ExactNumber number;
  const ValueStatus status = number_value(column, number);
  if (status != ValueStatus::kHere) return status;
  return unit.has_value() && time_of_number(number, *unit, time) ? ValueStatus::kHere : ValueStatus::kOther;
}

std::string_view text_value(const LineColumn* column) {
  if (column == nullptr) return {};
  switch (column->kind) {
    case LineValueKind::kSymbol:
    case LineValueKind::kString:
    case LineValueKind::kWord:
    case LineValueKind::kNumber:
      return column->text;
    case LineValueKind::kInteger:
      return column->text.substr(0, column->text.size() - 1);
    default:
      return {};
  }
}

}  // namespace tickforge
