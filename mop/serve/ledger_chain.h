// The hash chain of the ledger: what is hashed, byte by byte (docs/formats/ledger.md).
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "mop/store/database.h"

namespace mop::serve {

/// What the first row is chained to.
inline constexpr std::string_view kFirstHash =
    "0000000000000000000000000000000000000000000000000000000000000000";

/// SHA-256 (hex) over the hash before, the kind, the number and every column of a row.
std::string chain_hash(std::string_view previous, std::string_view kind, std::int64_t seq,
                       std::span<const store::Value> columns);

/// A kind of row: its table and the columns that are hashed, in this order (seq is hashed before them).
struct ChainedTable {
  std::string_view kind, table, columns;
  int count;  // of columns
};
inline constexpr ChainedTable kModelTable{
    "model", "models",
    "sha256, interval, id, horizon, levels, static_y, ewma_z, har_residual, spike_threshold, trained_until",
    10};
inline constexpr ChainedTable kForecastTable{"forecast", "forecasts",
                                             "symbol, interval, as_of, made_at, close, tick_size, sigma, "
                                             "champion, reason, model_sha256, input_hash, z, p_up, "
                                             "log_range, har_scale",
                                             15};
inline constexpr ChainedTable kMissedTable{"missed", "missed", "symbol, interval, as_of, noted_at, reason",
                                           5};
inline constexpr ChainedTable kChainedTables[] = {kModelTable, kForecastTable, kMissedTable};

}  // namespace mop::serve
