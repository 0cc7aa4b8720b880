#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "mop/app/command.h"
#include "mop/exchange/binance_rest.h"

namespace mop::app {

/// How the verb speaks to Binance: flags over settings. Errors: kRefused (--offline), kInvalidArgument.
Result<exchange::BinanceOptions> binance_options(const Context& ctx, std::string_view verb,
                                                 const std::optional<std::string>& base_url,
                                                 const std::optional<double>& weight_share);

}  // namespace mop::app
