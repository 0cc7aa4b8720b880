#include "mop/app/settings.h"

#include <functional>
#include <map>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

namespace mop::app {
namespace {

// Reads one value into its place; empty when the node has another type or the value is out of range.
using Reader = std::function<std::optional<std::string>(const toml::node&)>;  // returns the broken rule
using Section = std::map<std::string, Reader, std::less<>>;

Reader text(std::string& to) {
  return [&to](const toml::node& node) -> std::optional<std::string> {
    const auto value = node.value_exact<std::string>();
    if (!value) return "must be a text in quotes";
    to = *value;
    return std::nullopt;
  };
}

template <typename Integer>
Reader integer(Integer& to, std::int64_t least, std::int64_t most) {
  return [&to, least, most](const toml::node& node) -> std::optional<std::string> {
    const auto value = node.value_exact<std::int64_t>();
    if (!value || *value < least || *value > most)
      return fmt::format("must be a whole number {}..{}", least, most);
    to = static_cast<Integer>(*value);
    return std::nullopt;
  };
}

Reader number(double& to, double least, double most) {
  return [&to, least, most](const toml::node& node) -> std::optional<std::string> {
    const auto value = node.value<double>();
    if (!value || !(*value >= least && *value <= most))
      return fmt::format("must be a number {}..{}", least, most);
    to = *value;
    return std::nullopt;
  };
}

Reader yes_or_no(bool& to) {
  return [&to](const toml::node& node) -> std::optional<std::string> {
    const auto value = node.value_exact<bool>();
    if (!value) return "must be true or false";
    to = *value;
    return std::nullopt;
  };
}

Section profile_section(train::Profile& p) {
  return {{"hidden_size", integer(p.hidden, 4, 1024)},
          {"num_layers", integer(p.layers, 1, 8)},
          {"dropout", number(p.dropout, 0.0, 0.9)},
          {"learning_rate", number(p.learning_rate, 1e-6, 1.0)},
          {"weight_decay", number(p.weight_decay, 0.0, 1.0)},
          {"gradient_clip", number(p.gradient_clip, 1e-3, 1e6)},
          {"batch_size", integer(p.batch_size, 1, 4096)},
          {"epochs", integer(p.epochs, 1, 100000)},
          {"patience", integer(p.patience, 1, 100000)},
          {"least_updates", integer(p.least_updates, 0, 1000000)},
          {"half_life_days", number(p.half_life_days, 0.0, 1e6)},
          {"lookback", integer(p.lookback, 2, 2000)},
          {"prediction_horizon", integer(p.horizon, 1, 48)},
          {"ensemble", integer(p.ensemble, 1, 64)}};
}

std::map<std::string, Section, std::less<>> sections_of(Settings& s) {
  return {{"data",
           {{"symbols", text(s.symbols)},
            {"timeframes", text(s.timeframes)},
            {"data_dir", text(s.data_dir)},
            {"models_dir", text(s.models_dir)},
            {"history_limit", integer(s.history_limit, 1, 10'000'000)},
            {"base_url", text(s.base_url)},
            {"weight_share", number(s.weight_share, 0.01, 1.0)}}},
          {"run",
           {{"threads", integer(s.threads, 0, 1024)},
            {"seed", integer(s.seed, 0, INT64_MAX)},
            {"device", text(s.device)},
            {"vram_gib", number(s.vram_gib, 0.0, 1e6)}}},
          {"serve",
           {{"listen", text(s.serve.listen)},
            {"db", text(s.serve.db)},
            {"requests_per_s", number(s.serve.requests_per_s, 0.1, 1e6)},
            {"burst", number(s.serve.burst, 1.0, 1e6)},
            {"expires_after_days", number(s.serve.expires_after_days, 0.01, 36500.0)},
            {"retrain_after_days", number(s.serve.retrain_after_days, 0.0, 36500.0)},
            {"retrain_on_drift", yes_or_no(s.serve.retrain_on_drift)}}},
          {"v1", profile_section(s.v1)},
          {"default", profile_section(s.standard)}};
}

std::string where(std::string_view path, const toml::source_region& region) {
  return fmt::format("{}:{}", path, region.begin.line);
}

template <typename Map>
std::string known(const Map& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map)
    keys.push_back(key);
  return fmt::format("{}", fmt::join(keys, ", "));
}

Result<void> read_section(const toml::table& table, const std::string& name, const Section& section,
                          std::string_view path) {
  for (const auto& [key, node] : table) {
    const auto reader = section.find(std::string_view(key.str()));
    if (reader == section.end()) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{}: unknown key '{}' in [{}]; known keys: {}", where(path, node.source()),
                              key.str(), name, known(section)));
    }
    if (const auto broken = reader->second(node)) {
      std::ostringstream value;
      value << toml::node_view<const toml::node>(node);
      return fail(ErrorCode::kInvalidArgument, fmt::format("{}: {}.{} {}, was {}", where(path, node.source()),
                                                           name, key.str(), *broken, value.str()));
    }
  }
  return {};
}

// Takes one value over when it differs, and says so.
template <typename T>
void take(const char* key, const T& from, T& to, std::vector<std::string>& changed) {
  if (from == to) return;
  to = from;
  changed.emplace_back(key);
}

template <typename T>
void keep(const char* key, const T& fresh, const T& running, std::vector<std::string>& need_restart) {
  if (fresh != running) need_restart.emplace_back(key);
}

}  // namespace

// The profiles are those of the next training, which reads the file itself.
SettingsChange take_over(const Settings& fresh, Settings& running) {
  SettingsChange change;
  take("serve.requests_per_s", fresh.serve.requests_per_s, running.serve.requests_per_s, change.applied);
  take("serve.burst", fresh.serve.burst, running.serve.burst, change.applied);
  take("serve.expires_after_days", fresh.serve.expires_after_days, running.serve.expires_after_days,
       change.applied);
  take("serve.retrain_after_days", fresh.serve.retrain_after_days, running.serve.retrain_after_days,
       change.applied);
  take("serve.retrain_on_drift", fresh.serve.retrain_on_drift, running.serve.retrain_on_drift,
       change.applied);
  take("run.seed", fresh.seed, running.seed, change.applied);
  take("run.device", fresh.device, running.device, change.applied);
  take("run.vram_gib", fresh.vram_gib, running.vram_gib, change.applied);
  take("v1", fresh.v1, running.v1, change.applied);
  take("default", fresh.standard, running.standard, change.applied);
  keep("serve.listen", fresh.serve.listen, running.serve.listen, change.need_restart);
  keep("serve.db", fresh.serve.db, running.serve.db, change.need_restart);
  keep("data.symbols", fresh.symbols, running.symbols, change.need_restart);
  keep("data.timeframes", fresh.timeframes, running.timeframes, change.need_restart);
  keep("data.data_dir", fresh.data_dir, running.data_dir, change.need_restart);
  keep("data.models_dir", fresh.models_dir, running.models_dir, change.need_restart);
  keep("data.history_limit", fresh.history_limit, running.history_limit, change.need_restart);
  keep("data.base_url", fresh.base_url, running.base_url, change.need_restart);
  keep("data.weight_share", fresh.weight_share, running.weight_share, change.need_restart);
  keep("run.threads", fresh.threads, running.threads, change.need_restart);
  return change;
}

Result<Settings> parse_settings(std::string_view toml_text, std::string_view path) {
  Settings settings;
  toml::table root;
  try {
    root = toml::parse(toml_text, path);
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: not valid TOML: {}", where(path, error.source()), error.description()));
  }
  const auto sections = sections_of(settings);
  for (const auto& [key, node] : root) {
    const auto section = sections.find(std::string_view(key.str()));
    if (section == sections.end() || !node.is_table()) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{}: unknown section '{}'; known sections: {}", where(path, node.source()),
                              key.str(), known(sections)));
    }
    MOP_TRY(read_section(*node.as_table(), section->first, section->second, path));
  }
  return settings;
}

}  // namespace mop::app
