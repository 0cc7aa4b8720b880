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
            {"device", text(s.device)}}},
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

}  // namespace

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
