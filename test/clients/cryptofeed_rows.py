"""Send rows with cryptofeed's QuestDB backend, without an exchange.

Example: python cryptofeed_rows.py 127.0.0.1:9009 1000
"""

import asyncio
import sys

from cryptofeed.backends.quest import TradeQuest
from cryptofeed.types import Trade
from rows import rows


async def main(address: str, count: int) -> None:
    """Hand ``count`` trades to the backend, as a feed of cryptofeed does."""
    host, port = address.rsplit(":", 1)
    backend = TradeQuest(host=host, port=int(port))
    backend.start(asyncio.get_running_loop())
    for row in rows(count):
        seconds = row.ts / 1_000_000_000
        trade = Trade("COINBASE", row.symbol, row.side, row.size, row.price, seconds, id=str(row.number))
        await backend(trade, seconds)
        if row.number % 1000 == 999:
            await backend.queue.join()
    await backend.queue.join()
    backend.conn.close()
    await backend.conn.wait_closed()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
