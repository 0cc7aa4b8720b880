#include "mop/exchange/hosts.h"

#include <algorithm>
#include <array>

namespace mop::exchange {
namespace {

constexpr std::array<std::string_view, 7> kHosts{
    "https://api.binance.com",        "https://api-gcp.binance.com", "https://api1.binance.com",
    "https://api2.binance.com",       "https://api3.binance.com",    "https://api4.binance.com",
    "https://data-api.binance.vision"};
constexpr std::array<std::string_view, 3> kStreamHosts{
    "wss://stream.binance.com:9443", "wss://stream.binance.com:443", "wss://data-stream.binance.vision"};

std::string_view without_final_slash(std::string_view url) {
  while (url.ends_with('/'))
    url.remove_suffix(1);
  return url;
}

}  // namespace

bool is_binance_host(std::string_view base_url) {
  return std::find(kHosts.begin(), kHosts.end(), without_final_slash(base_url)) != kHosts.end();
}

std::vector<std::string> hosts_from(std::string_view base_url) {
  const std::string_view first = without_final_slash(base_url);
  std::vector<std::string> hosts{std::string(first)};
  if (!is_binance_host(first)) return hosts;
  for (const std::string_view host : kHosts) {
    if (host != first) hosts.emplace_back(host);
  }
  return hosts;
}

std::vector<std::string> stream_hosts_from(std::string_view base_url) {
  if (is_binance_host(base_url)) return {kStreamHosts.begin(), kStreamHosts.end()};
  std::string url(without_final_slash(base_url));
  if (url.starts_with("http")) url.replace(0, 4, "ws");
  return {url};
}

bool is_loopback(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::string_view rest = url.substr(scheme + 3), authority = rest.substr(0, rest.find_first_of("/?#"));
  for (const std::string_view name : {"127.0.0.1", "localhost", "[::1]"}) {
    const std::string_view port = authority.substr(std::min(name.size(), authority.size()));
    if (authority.starts_with(name) && (port.empty() || port.front() == ':') &&
        authority.find('@') == std::string_view::npos) {
      return true;
    }
  }
  return false;
}

bool may_carry_secrets(std::string_view url) {
  return url.starts_with("https://") || (url.starts_with("http://") && is_loopback(url));
}

}  // namespace mop::exchange
