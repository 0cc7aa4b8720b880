// The list of raw columns: every indicator's columns in the order they are printed. A new indicator is its
// file and one line here.
#pragma once
#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>

#include "mop/features/adx.h"
#include "mop/features/atr.h"
#include "mop/features/bollinger.h"
#include "mop/features/change.h"
#include "mop/features/cmf.h"
#include "mop/features/ema.h"
#include "mop/features/hl2.h"
#include "mop/features/keltner.h"
#include "mop/features/macd.h"
#include "mop/features/mfi.h"
#include "mop/features/momentum.h"
#include "mop/features/obv.h"
#include "mop/features/prices.h"
#include "mop/features/roc.h"
#include "mop/features/rsi.h"
#include "mop/features/sma.h"
#include "mop/features/stochastic.h"
#include "mop/features/vpt.h"

namespace mop::features {

/// Each has kInfo, one entry per column, and push(candle, row), which writes as many values, NaN in warm-up.
using RawFamilies = std::tuple<PriceColumns,        //
                               SmaColumns,          //
                               EmaColumns,          //
                               RsiColumns,          //
                               MacdColumns,         //
                               StochasticColumns,   //
                               RocColumn,           //
                               MomentumColumn,      //
                               BollingerColumns,    //
                               AtrColumns,          //
                               AdxColumns,          //
                               KeltnerColumns,      //
                               ObvColumn,           //
                               CmfColumn,           //
                               MfiColumn,           //
                               VptColumn,           //
                               PriceChangeColumn,   //
                               VolumeChangeColumn,  //
                               Hl2Column>;

template <typename... Families>
constexpr std::size_t column_count(const std::tuple<Families...>*) {
  return (Families::kInfo.size() + ...);
}

inline constexpr std::size_t kRawColumns = column_count(static_cast<const RawFamilies*>(nullptr));

template <typename... Families>
constexpr std::array<IndicatorInfo, kRawColumns> infos_of(const std::tuple<Families...>*) {
  std::array<IndicatorInfo, kRawColumns> infos{};
  std::size_t f = 0;
  const auto add = [&](const auto& family) {
    for (const IndicatorInfo& info : family)
      infos[f++] = info;
  };
  (add(Families::kInfo), ...);
  return infos;
}

inline constexpr std::array<IndicatorInfo, kRawColumns> kRawInfo =
    infos_of(static_cast<const RawFamilies*>(nullptr));

/// Place of a raw column; a name that does not exist does not compile.
consteval std::size_t raw_column(std::string_view name) {
  std::size_t f = 0;
  while (kRawInfo.at(f).name != name)
    ++f;
  return f;
}

/// One value per raw column, NaN where its warm-up is not over.
using RawRow = std::array<double, kRawColumns>;

}  // namespace mop::features
