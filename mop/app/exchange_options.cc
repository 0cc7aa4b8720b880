#include "mop/app/exchange_options.h"

#include <fmt/format.h>

#include "mop/exchange/hosts.h"
#include "mop/exchange/shared_weight.h"

namespace mop::app {

Result<exchange::BinanceOptions> binance_options(const Context& ctx, std::string_view verb,
                                                 const std::optional<std::string>& base_url,
                                                 const std::optional<double>& weight_share) {
  if (ctx.flags.offline) {
    return fail(ErrorCode::kRefused,
                fmt::format("{} needs the network and --offline forbids it; leave --offline out", verb));
  }
  exchange::BinanceOptions options;
  options.base_url = base_url.value_or(ctx.settings.base_url);
  options.weight_share = weight_share.value_or(ctx.settings.weight_share);
  options.other_hosts = exchange::hosts_from(options.base_url);
  options.other_hosts.erase(options.other_hosts.begin());
  options.shared_weight = exchange::shared_weight_path(options.base_url);
  options.jitter_seed = static_cast<std::uint64_t>(monotonic_micros());  // programs must not retry in step
  if (!options.base_url.starts_with("http://") && !options.base_url.starts_with("https://")) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("--base-url must begin with https:// or http://, was '{}'", options.base_url));
  }
  return options;
}

}  // namespace mop::app
