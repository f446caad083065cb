// Bytes that real clients sent to a socket, unchanged: @questdb/nodejs-client 4.2.0, questdb 6.0.0 (Python), cryptofeed
// 2.4.1. The rows are the same for all protocol versions, as far as a version can say them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tickforge::testing {

inline std::string from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1])));
  }
  return bytes;
}

/// trades: symbol, side, price 2615.54, amount 0.00044, id 123, m true, a note of `a "q" \ b`, newline, `c`, times tt
/// in us, tn in ns, tm in ms; a table, tag, value and field with characters that are escaped, without a timestamp; 1e-7
/// with a timestamp in us; 1e21 with one in ms.
inline constexpr std::string_view kNodeVersion1 =
    "trades,symbol=ETH-USD,side=sell price=2615.54,amount=0.00044,id=123i,m=t,note=\"a \\\"q\\\" \\\\ b\\\nc\","
    "tt=1646762637609765t,tn=1646762637609765t,tm=1646762637609000t 1646762637609765000\n"
    "t\\ ab,s\\ y\\=m=v\\ a\\,l\\=u\\\ne f\\ i\\=e=\"x\"\n"
    "u,s=1 p=1e-7 1646762637609765000\n"
    "u,s=1 p=1e+21 1646762637609000000\n";

/// The same in version 2: doubles in binary, times with the suffix of their unit.
inline const std::string kNodeVersion2 = from_hex(
    "7472616465732c73796d626f6c3d4554482d5553442c736964653d73656c6c2070726963653d3d10ae47e17a146fa4402c616d6f756e74"
    "3d3d104bb0389cf9d53c3f2c69643d313233692c6d3d742c6e6f74653d2261205c22715c22205c5c20625c0a63222c74743d3136343637"
    "3632363337363039373635742c746e3d313634363736323633373630393736353132336e2c746d3d313634363736323633373630393030"
    "307420313634363736323633373630393736353030306e0a745c2061622c735c20795c3d6d3d765c20615c2c6c5c3d755c0a6520665c20"
    "695c3d653d2278220a752c733d3120703d3d1048afbc9af2d77a3e2031363436373632363337363039373635740a752c733d3120703d3d"
    "1050efe2d6e41a4b442031363436373632363337363039303030740a");

/// book, symbol X: bids, an array of [[1.5, 2.5], [10, 20]], and nul, a null array; at 1 ns.
inline const std::string kNodeArrays = from_hex(
    "626f6f6b2c73796d626f6c3d5820626964733d3d0e0a020200000002000000000000000000f83f00000000000004400000000000002440"
    "00000000000034402c6e756c3d3d0e2120316e0a");

/// Version 3, table fx: mid as the text 1.234500, b as 123456 with 3 decimals, neg as -129; at 1 ns.
inline const std::string kNodeDecimals = from_hex(
    "6678206d69643d312e323334353030642c623d3d17030301e2402c6e65673d3d170002ff7f20316e0a");

/// Like kNodeVersion1 without tm; the tag of the second row has a backslash and a letter of two bytes; then
/// 1e-7, 1e21, NaN, infinity and 100; then 1 without a timestamp.
inline constexpr std::string_view kPythonVersion1 =
    "trades,symbol=ETH-USD,side=sell price=2615.54,amount=0.00044,id=123i,m=t,note=\"a \\\"q\\\" \\\\ b\\\nc\","
    "tt=1646762637609765t,tn=1646762637609765t 1646762637609765000\n"
    "ta\\ b,s\\ y\\=m=v\\ a\\,l\\=u\\\ne\\\\\xc3\xbc f\\ i\\=e=\"x\" 1646762637609765000\n"
    "u,s=1 p=1e-7,q=1e21,n=NaN,i=Infinity,z=100.0 1723075200000000000\n"
    "u,s=1 p=1.0\n";

inline const std::string kPythonVersion2 = from_hex(
    "7472616465732c73796d626f6c3d4554482d5553442c736964653d73656c6c2070726963653d3d10ae47e17a146fa4402c616d6f756e74"
    "3d3d104bb0389cf9d53c3f2c69643d313233692c6d3d742c6e6f74653d2261205c22715c22205c5c20625c0a63222c74743d3136343637"
    "3632363337363039373635742c746e3d313634363736323633373630393736353132336e20313634363736323633373630393736353030"
    "306e0a74615c20622c735c20795c3d6d3d765c20615c2c6c5c3d755c0a655c5cc3bc20665c20695c3d653d227822203136343637363236"
    "3337363039373635740a752c733d3120703d3d1048afbc9af2d77a3e2c713d3d1050efe2d6e41a4b442c6e3d3d10000000000000f87f2c"
    "693d3d10000000000000f07f2c7a3d3d1000000000000059402031373233303735323030303030303030740a752c733d3120703d3d1000"
    "0000000000f03f0a");

/// Version 3, table fx: mid Decimal('1.234500'), neg Decimal('-129'), big Decimal('1E+5'); a NaN is left out.
inline const std::string kPythonDecimals = from_hex(
    "6678206d69643d3d17060312d6442c6e65673d3d170002ff7f2c6269673d3d1700030186a020316e0a");

inline constexpr std::string_view kCryptofeedTrades =
    "trades-COINBASE,symbol=BTC-USD,side=buy,type=None price=26013.5,amount=0.00132,id=123456i,"
    "receipt_timestamp=1723075200250000t 1723075200123456000\n"
    "trades-BYBIT,symbol=BTC-USDT-PERP,side=sell,type=market price=26013.0,amount=1.0,"
    "id=5c9e0a7b-2f0d-5b1e-9c1b-000000000001i,receipt_timestamp=1723075200250000t 1723075200500000000\n"
    "trades-KRAKEN,symbol=BTC-USD,side=sell,type=limit price=26013.1,amount=1e-08,"
    "receipt_timestamp=1723075200250000t 1723075201000000000\n";

inline constexpr std::string_view kCryptofeedTicker =
    "ticker-COINBASE,symbol=BTC-USD bid=26013.0,ask=26014.5,receipt_timestamp=1723075200250000t 1723075200500000000\n";

inline constexpr std::string_view kCryptofeedBook =
    "book-BINANCE,symbol=BTC-USDT bid_0_price=26000.10,bid_0_size=1.5,bid_1_price=26000.00,bid_1_size=2,"
    "ask_0_price=26000.20,ask_0_size=0.25,ask_1_price=26001.00,ask_1_size=0.00001,"
    "receipt_timestamp=1723075200250000t 1723075200124999936\n";

inline constexpr std::string_view kCryptofeedOthers =
    "funding-BINANCE,symbol=BTC-USDT-PERP mark_price=26000.1,rate=0.0001,next_funding_time=1723075200.0,"
    "predicted_rate=None,receipt_timestamp=1723075200250000t 1723075200500000000\n"
    "open_interest-BINANCE,symbol=BTC-USDT-PERP open_interest=12.5,receipt_timestamp=1723075200250000t "
    "1723075200500000000\n";

}  // namespace tickforge::testing
