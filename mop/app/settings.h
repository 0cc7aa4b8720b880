// mop.toml: everything a user may set that is not a secret. Unknown keys are an error.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/result.h"
#include "mop/train/profile.h"

namespace mop::app {

/// What `mop serve` alone reads.
struct ServeSettings {
  std::string listen = "127.0.0.1:8080";
  std::string db = "mop.db";                 // `mop ledger` reads it too
  double requests_per_s = 200, burst = 400;  // of one client address; burst: at once
  double expires_after_days = 60;            // since the newest candle a model has learnt from
  double retrain_after_days = 0;             // the same, of the newest model; 0: never for its age
  bool retrain_on_drift = false;             // when live scores demote a champion

  bool operator==(const ServeSettings&) const = default;
};

struct Settings {
  std::string symbols = "all";
  std::string timeframes = "15m,1h";
  std::string data_dir = "data/raw";
  std::string models_dir = "models";
  std::string base_url = "https://api.binance.com";
  std::size_t history_limit = 1000;  // candles per series that `fetch` collects at first, [data]
  double weight_share = 0.8;         // of Binance's request weight per minute, (0, 1]
  std::size_t threads = 0;           // 0 = every usable core
  std::uint64_t seed = 1;
  std::string device = "auto";
  double vram_gib = 0.0;  // of a GPU's memory that training may take; 0 = nine tenths of what is free
  train::Profile v1 = train::v1_profile();
  train::Profile standard = train::default_profile();
  ServeSettings serve;

  bool operator==(const Settings&) const = default;
};

/// Keys by name, "serve.burst".
struct SettingsChange {
  std::vector<std::string> applied, need_restart;
};

/// Takes over from `fresh` what may change while `mop serve` runs; what may not stays and is named.
SettingsChange take_over(const Settings& fresh, Settings& running);

/// Reads TOML text over the defaults. Errors: kInvalidArgument naming the file, the key or line and the rule.
Result<Settings> parse_settings(std::string_view toml_text, std::string_view path);

}  // namespace mop::app
