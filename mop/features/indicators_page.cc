#include "mop/features/indicators_page.h"

#include <fmt/format.h>

#include "mop/features/model_inputs.h"
#include "mop/features/raw_features.h"

namespace mop::features {
namespace {

constexpr std::string_view kHead = R"page(# Indicators and model inputs

Two sets of columns come out of the same candles. `mop features SYMBOL --timeframe 1h --raw` prints the 44 raw columns in their own units; without `--raw` it prints what the network reads. `mop features --list` prints these tables; this page is what `mop features --list --markdown` writes. Every column of a row is known at the close of that row's candle: later candles change nothing before them, to the last bit. A stretch without a hole is computed on its own: after a hole of one candle or more every column starts anew, in batch and in the live stream alike.

Letters: O H L C V are open, high, low, close and volume of the candle; `[n back]` is the value n candles earlier. *Warm-up* is the number of candles needed for the first value: row `warm-up - 1` (counted from 0) has it, the rows before are empty (NaN). *Stability* says how much a value depends on where the history begins:

- **exact**: only on the last *warm-up* candles, bit for bit. Sums over sliding windows are of this kind too: they are made of partial sums, nothing is ever subtracted.
- **converging**: the start fades exponentially. `mop features --certify` prints by how much two starts still differ after 50 to 2000 candles.
- **path-dependent**: the start never fades. No model input is of this kind.

*Minimum* is the number of candles after which the start shows no more than about 1e-6 of the value: the warm-up, and for exponential means 16 times their memory. *Scale* says what multiplying all prices or all volumes by a constant does.

)page";

constexpr std::string_view kRawHead = R"page(## Raw columns

Where TA-Lib has the function, its values are the definition, its alignment and first value included (figures under "Agreement with TA-Lib").

)page";

constexpr std::string_view kBetween =
    R"page(Where a formula divides by zero, the table says what is returned. Four functions of TA-Lib compare with a fixed amount of quote currency instead of zero, which is below the moves of BTC and above those of coins priced at 1e-5. Here only zero is zero:

| column | TA-Lib | here |
|---|---|---|
| `bb_upper`, `bb_lower`, `bb_width`, `bb_percent_b` | a variance below 1e-14 is 0; the variance is taken as mean(C²) - mean(C)² | squared deviations from a close inside the window |
| `rsi_14`, `rsi_21` | G + L below 1e-14 gives 0 | 0 only if the price never moved |
| `adx`, `di_plus`, `di_minus` | S14(TR) below 1e-14 gives 0 | 0 only if S14(TR) is 0 |
| `mfi` | a money flow below 1.0 gives 0 | 0 only without flow |

`macd`: both averages begin at candle 26 (the fast one is seeded with closes 15 to 26), and all three columns begin with the signal at candle 34. `atr_14`: the first candle has no previous close and therefore no true range.

### Agreement with TA-Lib

All first values stand at the same candle. On the synthetic candles of the tests every column agrees to 1e-9 relative over the whole range (the bands where their width is above 1 % of the price: below, TA-Lib's variance has lost its digits). `tests/oracles/talib_agreement.sh`, which `make test` runs where reference candles, gcc and npm are, fails when a column of real candles differs by more than 1e-9: from TA-Lib on every row, from pandas where TA-Lib has no function. On 439,740 candles of BTC, ETH, SOL, DOGE and PEPE at 15m and 1h the largest difference is 3.0e-11 (`bb_upper`), of most columns below 1e-14. PEPEUSDT's variance is mostly below 1e-14 (48,755 of its 15m rows): there TA-Lib's bands lie on the middle, up to 23 % of the price away from where they belong, and only there the bands are left out.

## Sigma

`sigma_t = sqrt(s_t)`, `s_t = s_{t-1} + (r_t² - s_{t-1}) * 2 / (span + 1)` with `r = ln(C / C[1 back])`, a span of one day (96 candles of 15m, 24 of 1h), begun as the mean of the first *span* squared returns; first value at candle *span* + 1. It is never below 1e-5 (0.001 % per candle), so that constant prices do not divide by zero; traded coins stay far above it. Targets and most inputs are measured in it.

## Model inputs

All are dimensionless. Multiplying all prices of a coin by a constant, or all its volumes, changes none beyond rounding (1e-9), and none depends for ever on where the history begins. S is sigma; r is `ln(C / C[1 back])`; U, the usual volume, is the median volume of the last day (this candle included), at least 0.0001 of the day's largest volume. A day without any volume counts as V / U = 0. A price input below a hundredth of the close counts as a hundredth of it: the lower bands are differences and may fall to zero or below. On a flat window the raw oscillators are 0 as in TA-Lib, and the inputs neutral. P is `ln(H / L)² / (4 ln 2)`, G is `ln(H / L)² / 2 - (2 ln 2 - 1) ln(C / O)²`, T the volume bought by takers, m the mean r of all coins.

Inputs that *need* taker volume or the market are offered to a model only where candles state it or other coins are given. A market return is that of the candle with the same close; a coin counts from its second candle on and not across its holes; where nothing is known, and in the first day of the market, the returns are 0, as if nothing had moved.

)page";

constexpr std::string_view kTail =
    R"page(Three things differ from the raw column of the same name, so that neither a quiet market nor the unit of price moves an input. A flat window is neutral here (raw 0, the value TA-Lib gives, would read as "only losses"). `adx`, `di_plus`, `di_minus` and `mfi` count movements that differ by less than 1e-12 of the price as equal: equal moves in ticks often differ in the last bit, and in another way after scaling. `obv` and `vpt` are the change over one candle, not the running sum.

An input whose warm-up is longer than half of the longest run without a hole is left out of a model, and the model says so with the figures: "sma_200 needs 200 candles of history, the longest run without a hole has 250; at most half may be warm-up".

## Speed

A block of 512 candles goes through one indicator after another: what it reads and writes stays in the first-level cache, windows, divisions and square roots are computed side by side, and results leave past the caches. One million candles are 40 MB read and 352 MB written; writing that much and computing nothing takes 0.019 s, so memory is a quarter of the 0.077 s it takes into given memory. TA-Lib's C code takes 0.20 s for the same columns into the same kind of memory (2.6 times as long), pandas 2.2 s for the same values (29 times; 17 times when our memory is allocated as well), and 0.75 s when it is rewritten for speed without the rules for zero divisions (10 and 6 times). Fresh memory adds 0.04 to 0.07 s, in which the system zeroes 352 MB: that is no cost of computing, and a caller who keeps his matrix does not pay it. Live, all 44 columns take 0.30 us a candle, a look at an open candle 0.49 us. `bench/features/run.sh` measures all of it (thread time, best of several runs; these figures are of a 2-core AVX2 machine that others used at the same time).

## How this is checked

- `mop/features/indicators_test.cc`: values worked by hand, and each zero division.
- `mop/features/raw_features_test.cc`: TA-Lib's values; all columns against pandas at 1e-9 (file made by `/usr/bin/python3 tests/oracles/indicators_pandas.py mop/features/testdata/indicators_pandas.csv`); warm-up, future invariance, dependence on the start, scaling.
- `mop/features/stream_test.cc`: batch = stream = peek then push, bit for bit, over every column; no allocation.
- `mop/features/model_inputs_test.cc`, `market_context_test.cc`: the same laws for the inputs, on markets without moves, without volume, with one-tick moves, tiny prices, a crash.
- `mop/features/certificate_test.cc`: how fast the start is forgotten.
- `mop/features/docs_test.cc`: this page is what the program writes.
- `tests/oracles/talib_agreement.sh`: TA-Lib's C code and pandas on any candle files. `bench/features/run.sh`: speed beside TA-Lib and pandas.
)page";

// A bar inside a cell of a Markdown table.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text)
    out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string minimum(const IndicatorInfo& info) {
  return info.min_candles() == 0 ? "never" : fmt::format("{}", info.min_candles());
}

std::string raw_table() {
  std::string text =
      "| column | group | unit | warm-up | minimum | stability | scale | formula | source |\n"
      "|---|---|---|---|---|---|---|---|---|\n";
  for (const IndicatorInfo& info : raw_features()) {
    text += fmt::format("| `{}` | {} | {} | {} | {} | {} | {} | {} | {} |\n", info.name, info.group,
                        info.unit, info.warmup, minimum(info), to_string(info.stability),
                        to_string(info.scale()), escaped(info.formula), info.source);
  }
  return text;
}

std::string input_table() {
  const auto quarter_hours = model_inputs(market::Interval::k15m),
             hours = model_inputs(market::Interval::k1h);
  std::string text =
      "| input | group | warm-up 15m | warm-up 1h | minimum 15m | minimum 1h | stability | needs | formula "
      "|\n"
      "|---|---|---|---|---|---|---|---|---|\n";
  for (std::size_t f = 0; f < hours.size(); ++f) {
    const IndicatorInfo &quarter = quarter_hours[f], &hour = hours[f];
    text += fmt::format("| `{}` | {} | {} | {} | {} | {} | {} | {} | {} |\n", hour.name, hour.group,
                        quarter.warmup, hour.warmup, minimum(quarter), minimum(hour),
                        to_string(hour.stability), to_string(hour.input), escaped(hour.formula));
  }
  return text;
}

}  // namespace

std::string indicators_page() {
  return fmt::format("{}{}{}\n{}{}\n{}", kHead, kRawHead, raw_table(), kBetween, input_table(), kTail);
}

}  // namespace mop::features
