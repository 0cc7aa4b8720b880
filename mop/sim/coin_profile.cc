#include "mop/sim/coin_profile.h"

#include <algorithm>
#include <array>

namespace mop::sim {
namespace {

constexpr std::array<CoinProfile, 26> kProfiles{{
    {"BTCUSDT", 65000.0, 0.024, 1.8e9, 5},    {"ETHUSDT", 3200.0, 0.032, 1.1e9, 4},
    {"BNBUSDT", 580.0, 0.026, 2.0e8, 3},      {"SOLUSDT", 150.0, 0.042, 5.0e8, 3},
    {"XRPUSDT", 1.2, 0.040, 3.0e8, 1},        {"ADAUSDT", 0.65, 0.042, 8.0e7, 1},
    {"AVAXUSDT", 32.0, 0.045, 6.0e7, 2},      {"DOGEUSDT", 0.18, 0.048, 2.5e8, 0},
    {"LINKUSDT", 16.0, 0.042, 6.0e7, 2},      {"MATICUSDT", 0.80, 0.042, 4.0e7, 1},
    {"LTCUSDT", 85.0, 0.034, 5.0e7, 3},       {"UNIUSDT", 8.5, 0.046, 3.0e7, 2},
    {"ATOMUSDT", 8.0, 0.040, 2.5e7, 2},       {"XMRUSDT", 150.0, 0.032, 1.5e7, 3},
    {"NEARUSDT", 5.2, 0.047, 4.5e7, 1},       {"ARBUSDT", 0.95, 0.047, 4.0e7, 1},
    {"OPUSDT", 2.1, 0.048, 3.5e7, 2},         {"APTUSDT", 8.4, 0.045, 3.0e7, 2},
    {"SUIUSDT", 1.9, 0.052, 1.2e8, 1},        {"PEPEUSDT", 0.0000115, 0.062, 2.0e8, 0},
    {"SHIBUSDT", 0.0000210, 0.047, 6.0e7, 0}, {"ICPUSDT", 10.5, 0.044, 2.0e7, 2},
    {"ETCUSDT", 24.0, 0.038, 2.5e7, 2},       {"FILUSDT", 5.4, 0.043, 2.5e7, 2},
    {"AAVEUSDT", 140.0, 0.045, 3.5e7, 3},     {"POLUSDT", 0.40, 0.044, 2.0e7, 1},
}};

}  // namespace

CoinProfile coin_profile(std::string_view symbol) {
  const auto found = std::find_if(kProfiles.begin(), kProfiles.end(),
                                  [&](const CoinProfile& p) { return p.symbol == symbol; });
  return found != kProfiles.end() ? *found : CoinProfile{"", 10.0, 0.045, 2.0e7, 2};
}

}  // namespace mop::sim
