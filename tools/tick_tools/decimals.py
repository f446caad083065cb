"""Exact decimals from mantissa and exponent (FORMAT.md, Decimals)."""

from __future__ import annotations

from decimal import Decimal

PRINT_FIXED = 0
PRINT_MINIMAL = 1


def decimal_text(mantissa: int, exponent: int, rule: int = PRINT_FIXED) -> str:
    """Print `mantissa * 10^exponent` as the venue does.

    Parameters
    ----------
    mantissa, exponent
        The value. An exponent above 0 prints as an integer.
    rule
        0 prints exactly `-exponent` decimals, 1 no trailing zeros and no trailing point.

    Examples
    --------
    >>> decimal_text(6000010, -2), decimal_text(6000010, -2, 1), decimal_text(-5, -3)
    ('60000.10', '60000.1', '-0.005')
    """
    if exponent >= 0:
        return str(mantissa * 10**exponent)
    digits = str(abs(mantissa)).rjust(1 - exponent, "0")
    whole, fraction = digits[:exponent], digits[exponent:]
    if rule == PRINT_MINIMAL:
        fraction = fraction.rstrip("0")
    sign = "-" if mantissa < 0 else ""
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def to_decimal(mantissa: int, exponent: int) -> Decimal:
    """`mantissa * 10^exponent` as a Decimal, exact whatever the precision of the decimal context is."""
    return Decimal(decimal_text(mantissa, exponent))
