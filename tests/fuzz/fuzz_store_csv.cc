// The store's own file and foreign ones. A file that reads without a fault is written again as the same
// bytes, and its columns are what strtod makes of its texts, to the last bit.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "mop/base/check.h"
#include "mop/store/candle_csv.h"
#include "mop/store/import_csv.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mop;
  constexpr UnixMillis kNow = 1'763'000'000'000;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)store::parse_foreign(bytes, market::Interval::k1h, kNow, "fuzz.csv");
  const auto series = store::parse_series(bytes, "BTCUSDT", market::Interval::k1h, "fuzz.csv");
  const std::size_t at = store::offset_of(bytes, 1'735'689'600'000);
  MOP_CHECK(at <= bytes.size()) << at;
  const store::FileScan scanned = store::scan(bytes, market::Interval::k1h);
  const auto rows = store::parse_candles(bytes, market::Interval::k1h, "fuzz.csv");
  MOP_CHECK(series.has_value() == rows.has_value()) << "the two readers disagree";
  for (std::size_t i = 0; rows && i < rows->size(); ++i) {
    MOP_CHECK(series->close[i] == std::strtod(std::string((*rows)[i].close.text()).c_str(), nullptr));
    MOP_CHECK(series->volume[i] == std::strtod(std::string((*rows)[i].volume.text()).c_str(), nullptr));
  }
  if (!rows || !scanned.problems.empty()) return 0;
  std::string text(store::kCandleHeader);
  text += '\n';
  for (const market::Candle& c : *rows)
    store::append_row(text, c);
  MOP_CHECK(text == bytes) << "a healthy file does not come back";
  return 0;
}
