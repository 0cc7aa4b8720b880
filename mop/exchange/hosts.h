// Binance's hosts for spot market data, and addresses in general.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace mop::exchange {

/// True for the addresses below, with or without a final slash.
bool is_binance_host(std::string_view base_url);

/// Hosts to ask, in order: `base_url`, and behind it, when it is one of Binance's own, the others: api,
/// api-gcp, api1 to api4, and data-api.binance.vision, which has market data only and answers from most
/// places where the others refuse (HTTP 451). Another address (a proxy, a simulation) stands alone.
std::vector<std::string> hosts_from(std::string_view base_url);

/// Hosts of the market streams that go with a REST address, in order: for Binance's own stream.binance.com
/// (two ports), then data-stream.binance.vision, which has market data only. Another address stands alone,
/// with ws and wss for http and https. An address with ws or wss is taken as it is.
std::vector<std::string> stream_hosts_from(std::string_view base_url);

/// True for an address of this machine: 127.0.0.1, localhost or [::1], with any scheme and port.
bool is_loopback(std::string_view url);
/// True where a secret may be sent: https anywhere, http to this machine only.
bool may_carry_secrets(std::string_view url);

}  // namespace mop::exchange
