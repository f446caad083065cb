"""Send rows with QuestDB's own client.

Example: python questdb_rows.py http 127.0.0.1:9009 3 1000
"""

import sys
import warnings

from rows import rows

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from questdb.ingress import Sender, TimestampNanos


def main(protocol: str, address: str, version: int, count: int) -> None:
    """Send ``count`` rows over ``protocol`` in the line protocol's ``version``."""
    # A float is exact enough for these numbers: its shortest text is the number. Version 3 has decimals.
    number = (lambda value: value) if version >= 3 else float
    with Sender.from_conf(f"{protocol}::addr={address};protocol_version={version};") as sender:
        for row in rows(count):
            sender.row(
                "trades",
                symbols={"symbol": row.symbol, "side": row.side},
                columns={"price": number(row.price), "amount": number(row.size), "id": row.number},
                at=TimestampNanos(row.ts),
            )
        sender.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
