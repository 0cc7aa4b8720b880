#include "mop/train/model_file.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/nn/param_layout.h"
#include "mop/nn/safetensors.h"
#include "mop/train/preparation.h"

namespace mop::train {
namespace {

namespace bj = boost::json;

constexpr int kFormatVersion = 3;
constexpr std::size_t kMostNetworks = 64;

bj::object profile_json(const Profile& p) {
  return {{"name", p.name},
          {"hidden", p.hidden},
          {"layers", p.layers},
          {"dropout", p.dropout},
          {"learning_rate", p.learning_rate},
          {"one_cycle", p.one_cycle},
          {"weight_decay", p.weight_decay},
          {"gradient_clip", p.gradient_clip},
          {"batch_size", p.batch_size},
          {"scored", p.scored},
          {"epochs", p.epochs},
          {"patience", p.patience},
          {"least_updates", p.least_updates},
          {"half_life_days", p.half_life_days},
          {"lookback", p.lookback},
          {"horizon", p.horizon},
          {"validation_share", p.validation_share},
          {"pooled", p.pooled},
          {"ensemble", p.ensemble}};
}

Profile profile_of(const bj::object& o) {
  Profile p;
  p.name = bj::value_to<std::string>(o.at("name"));
  p.hidden = o.at("hidden").to_number<std::size_t>();
  p.layers = o.at("layers").to_number<std::size_t>();
  p.dropout = o.at("dropout").to_number<double>();
  p.learning_rate = o.at("learning_rate").to_number<double>();
  p.one_cycle = o.at("one_cycle").as_bool();
  p.weight_decay = o.at("weight_decay").to_number<double>();
  p.gradient_clip = o.at("gradient_clip").to_number<double>();
  p.batch_size = o.at("batch_size").to_number<std::size_t>();
  p.scored = o.at("scored").to_number<std::size_t>();
  p.epochs = o.at("epochs").to_number<std::size_t>();
  p.patience = o.at("patience").to_number<std::size_t>();
  p.least_updates = o.at("least_updates").to_number<std::size_t>();
  p.half_life_days = o.at("half_life_days").to_number<double>();
  p.lookback = o.at("lookback").to_number<std::size_t>();
  p.horizon = o.at("horizon").to_number<std::size_t>();
  p.validation_share = o.at("validation_share").to_number<double>();
  p.pooled = o.at("pooled").as_bool();
  p.ensemble = o.at("ensemble").to_number<std::size_t>();
  return p;
}

bj::object block_json(const BlockScore& b) {
  return {{"from", b.from},       {"until", b.until},       {"n", b.n},
          {"pinball", b.pinball}, {"pinball_ewma", b.ewma}, {"pinball_har", b.har}};
}

bj::object log_linear_json(const LogLinear& f) {
  return {{"coefficients", bj::value_from(f.coefficients)}, {"lowest", f.lowest}, {"highest", f.highest}};
}

bj::object baselines_json(const Baselines& b) {
  bj::array scales;
  for (const LogLinear& scale : b.har_scale)
    scales.push_back(log_linear_json(scale));
  return {{"static_y", bj::value_from(b.static_y)},
          {"ewma_z", bj::value_from(b.ewma_z)},
          {"har_scale", std::move(scales)},
          {"har_residual", bj::value_from(b.har_residual)},
          {"range", log_linear_json(b.range)},
          {"spike_threshold", b.spike_threshold},
          {"fitted_rows", b.fitted_rows}};
}

bj::object branch_json(const BranchModel& b) {
  bj::array skipped, folds;
  for (const BlockScore& fold : b.folds)
    folds.push_back(block_json(fold));
  for (const auto& s : b.skipped)
    skipped.push_back({{"name", s.name}, {"reason", s.reason}});
  return {{"timeframe", std::string(market::to_string(b.interval))},
          {"inputs", bj::value_from(b.inputs)},
          {"skipped_inputs", std::move(skipped)},
          {"scaler_mean", bj::value_from(b.scaler.mean)},
          {"scaler_sd", bj::value_from(b.scaler.sd)},
          {"quantile_levels", bj::value_from(b.head.levels)},
          {"base_quantiles", bj::value_from(b.head.base)},
          {"range_mean", b.range_mean},
          {"range_sd", b.range_sd},
          {"calibration", bj::value_from(b.calibration.log_stretch)},
          {"calibration_borders", bj::value_from(b.calibration.borders)},
          {"calibrated_until", b.calibration.until},
          {"validation", block_json(b.validation)},
          {"folds", std::move(folds)},
          {"champion", b.champion},
          {"baselines", baselines_json(b.baselines)}};
}

std::vector<double> doubles(const bj::value& v) {
  std::vector<double> out;
  for (const auto& x : v.as_array())
    out.push_back(x.to_number<double>());
  return out;
}

double number_or_nan(const bj::value& v) {
  return v.is_null() ? std::nan("") : v.to_number<double>();
}

BlockScore block_of(const bj::value& o) {
  return {o.at("from").to_number<UnixMillis>(), o.at("until").to_number<UnixMillis>(),
          o.at("n").to_number<std::size_t>(),   number_or_nan(o.at("pinball")),
          number_or_nan(o.at("pinball_ewma")),  number_or_nan(o.at("pinball_har"))};
}

std::array<double, Calibration::kGroups - 1> borders_of(const bj::value& v) {
  const auto given = doubles(v);
  std::array<double, Calibration::kGroups - 1> borders{};
  if (given.size() != borders.size())
    throw std::invalid_argument(
        fmt::format("its calibration_borders must be {} numbers, were {}", borders.size(), given.size()));
  std::ranges::copy(given, borders.begin());
  return borders;
}

LogLinear log_linear_of(const bj::value& o) {
  return {doubles(o.at("coefficients")), o.at("lowest").to_number<double>(),
          o.at("highest").to_number<double>()};
}

Baselines baselines_of(const bj::value& o, const nn::QuantileHead& head) {
  Baselines b;
  b.horizon = head.horizon;
  b.levels = head.levels;
  b.static_y = doubles(o.at("static_y"));
  b.ewma_z = doubles(o.at("ewma_z"));
  for (const auto& scale : o.at("har_scale").as_array())
    b.har_scale.push_back(log_linear_of(scale));
  b.har_residual = doubles(o.at("har_residual"));
  b.range = log_linear_of(o.at("range"));
  b.spike_threshold = number_or_nan(o.at("spike_threshold"));
  b.fitted_rows = o.at("fitted_rows").to_number<std::size_t>();
  return b;
}

BranchModel branch_of(const bj::object& o, std::size_t horizon) {
  BranchModel b;
  const auto interval = market::parse_interval(bj::value_to<std::string>(o.at("timeframe")));
  b.interval = interval ? *interval : throw std::invalid_argument(interval.error().message);
  b.inputs = bj::value_to<std::vector<std::string>>(o.at("inputs"));
  for (const auto& s : o.at("skipped_inputs").as_array()) {
    b.skipped.push_back({bj::value_to<std::string>(s.at("name")), bj::value_to<std::string>(s.at("reason"))});
  }
  b.scaler = {doubles(o.at("scaler_mean")), doubles(o.at("scaler_sd"))};
  b.head = {doubles(o.at("quantile_levels")), horizon, doubles(o.at("base_quantiles"))};
  b.range_mean = o.at("range_mean").to_number<double>();
  b.range_sd = o.at("range_sd").to_number<double>();
  b.calibration = {doubles(o.at("calibration")), borders_of(o.at("calibration_borders")),
                   o.at("calibrated_until").to_number<UnixMillis>()};
  b.validation = block_of(o.at("validation"));
  for (const auto& fold : o.at("folds").as_array())
    b.folds.push_back(block_of(fold));
  b.champion = bj::value_to<std::string>(o.at("champion"));
  b.baselines = baselines_of(o.at("baselines"), b.head);
  return b;
}

bj::object model_json(const TrainedModel& m) {
  bj::array branches, networks, certificate;
  for (const Canary& c : m.certificate) {
    certificate.push_back({{"name", c.name},
                           {"passed", c.passed},
                           {"figure", c.figure},
                           {"meaning", c.meaning},
                           {"limit", c.limit}});
  }
  for (const BranchModel& b : m.branches)
    branches.push_back(branch_json(b));
  for (const TrainedNetwork& n : m.networks) {
    networks.push_back({{"epochs", n.epochs},
                        {"best_epoch", n.best_epoch},
                        {"train_loss", n.train_loss},
                        {"best_val_loss", n.best_val_loss}});
  }
  return {{"format_version", kFormatVersion},
          {"symbol", m.symbol},
          {"kind", std::string(to_string(m.kind))},
          {"profile", profile_json(m.profile)},
          {"seed", m.seed},
          {"coins", bj::value_from(m.coins)},
          {"market_coins", bj::value_from(m.market_coins)},
          {"market_from", m.market_from},
          {"data_from", m.data_from},
          {"fit_until", m.fit_until},
          {"trained_until", m.trained_until},
          {"samples", m.samples},
          {"certificate", std::move(certificate)},
          {"networks", std::move(networks)},
          {"branches", std::move(branches)}};
}

// Throws what Boost.JSON throws when a field is missing or of another type; the caller turns it into an
// Error.
TrainedModel model_of(const bj::object& o) {
  TrainedModel m;
  if (o.at("format_version").to_number<int>() != kFormatVersion) {
    throw std::invalid_argument(fmt::format("its format_version must be {}", kFormatVersion));
  }
  m.symbol = bj::value_to<std::string>(o.at("symbol"));
  const auto kind = parse_kind(bj::value_to<std::string>(o.at("kind")));
  m.kind = kind ? *kind : throw std::invalid_argument(kind.error().message);
  m.profile = profile_of(o.at("profile").as_object());
  m.seed = o.at("seed").to_number<std::uint64_t>();
  m.coins = bj::value_to<std::vector<std::string>>(o.at("coins"));
  m.market_coins = bj::value_to<std::vector<std::string>>(o.at("market_coins"));
  m.market_from = o.at("market_from").to_number<UnixMillis>();
  m.data_from = o.at("data_from").to_number<UnixMillis>();
  m.fit_until = o.at("fit_until").to_number<UnixMillis>();
  m.trained_until = o.at("trained_until").to_number<UnixMillis>();
  m.samples = o.at("samples").to_number<std::size_t>();
  for (const auto& c : o.at("certificate").as_array()) {
    m.certificate.push_back({bj::value_to<std::string>(c.at("name")), c.at("passed").as_bool(),
                             number_or_nan(c.at("figure")), bj::value_to<std::string>(c.at("meaning")),
                             number_or_nan(c.at("limit"))});
  }
  for (const auto& n : o.at("networks").as_array()) {
    m.networks.push_back({{},
                          n.at("epochs").to_number<std::size_t>(),
                          n.at("best_epoch").to_number<std::size_t>(),
                          number_or_nan(n.at("train_loss")),
                          number_or_nan(n.at("best_val_loss"))});
  }
  for (const auto& b : o.at("branches").as_array()) {
    m.branches.push_back(branch_of(b.as_object(), m.profile.horizon));
  }
  return m;
}

bool all_finite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

// Either not fitted at all, or all of them in the shape of the head.
bool fits(const Baselines& b, const nn::QuantileHead& head) {
  if (b.fitted_rows == 0) return b.har_scale.empty();
  const std::size_t numbers = head.base.size();
  if (b.har_scale.size() != head.horizon) return false;
  for (const auto* table : {&b.static_y, &b.ewma_z, &b.har_residual})
    if (table->size() != numbers || !all_finite(*table)) return false;
  const auto sound = [&](const LogLinear& f) {
    return f.coefficients.size() == b.har_scale[0].coefficients.size() && f.coefficients.size() >= 2 &&
           all_finite(f.coefficients) && std::isfinite(f.lowest) && f.lowest <= f.highest;
  };
  return std::ranges::all_of(b.har_scale, sound) && (b.range.coefficients.empty() || sound(b.range));
}

Result<void> check_consistent(const TrainedModel& m, std::string_view what) {
  const auto bad = [&](std::string_view rule) {
    return fail(ErrorCode::kCorrupt, fmt::format("{}: {}; train the model again", what, rule));
  };
  const auto intervals = intervals_of(m.kind);
  if (m.branches.size() != intervals.size()) return bad("its kind and its number of branches disagree");
  if (m.networks.empty() || m.networks.size() > kMostNetworks) return bad("it must have 1..64 networks");
  if (m.profile.lookback < 1 || m.profile.lookback > 10000) return bad("lookback must be 1..10000 candles");
  for (std::size_t i = 0; i < m.branches.size(); ++i) {
    const BranchModel& b = m.branches[i];
    if (b.interval != intervals[i]) return bad("its kind and the timeframes of its branches disagree");
    if (b.scaler.mean.size() != b.inputs.size() || b.scaler.sd.size() != b.inputs.size()) {
      return bad("the scaler must have one mean and one sd per input");
    }
    const auto& stretch = b.calibration.log_stretch;
    const std::size_t factors = Calibration::kGroups * b.head.base.size();
    if (!all_finite(stretch) || (!stretch.empty() && stretch.size() != factors) ||
        !std::ranges::all_of(b.calibration.borders, [](double at) { return std::isfinite(at); })) {
      return bad("its calibration must be one finite number per group, step and level");
    }
    if (!all_finite(b.scaler.mean) || !all_finite(b.scaler.sd) || !std::isfinite(b.range_mean) ||
        !std::isfinite(b.range_sd)) {
      return bad("its statistics must be finite numbers");
    }
    if (auto valid = b.head.validate(); !valid) return bad(valid.error().message);
    if (!fits(b.baselines, b.head)) return bad("its baselines must be finite numbers per step and level");
  }
  return {};
}

// The first network's tensors have PyTorch's plain names, so that it loads alone; the others' a prefix.
std::string tensor_name(std::size_t network, std::string_view name) {
  return network == 0 ? std::string(name) : fmt::format("network_{}.{}", network, name);
}

Result<std::vector<float>> gather_params(const nn::TensorFile& file, const nn::ParamLayout& layout,
                                         std::size_t network, std::string_view what) {
  std::vector<float> params(layout.size());
  for (const nn::Tensor& want : layout.tensors()) {
    const std::string name = tensor_name(network, want.name);
    const auto found = std::find_if(file.tensors.begin(), file.tensors.end(),
                                    [&](const nn::NamedTensor& t) { return t.name == name; });
    if (found == file.tensors.end() || found->dims != want.dims) {
      return fail(
          ErrorCode::kCorrupt,
          fmt::format("{}: tensor {} is missing or has another shape than its metadata promise (was the "
                      "list of inputs changed?); train it again",
                      what, name));
    }
    if (!std::all_of(found->values.begin(), found->values.end(), [](float v) { return std::isfinite(v); })) {
      return fail(ErrorCode::kCorrupt,
                  fmt::format("{}: tensor {} holds a number that is not finite; train it again", what, name));
    }
    std::copy(found->values.begin(), found->values.end(),
              params.begin() + static_cast<std::ptrdiff_t>(want.offset));
  }
  return params;
}

}  // namespace

std::string to_model_file(const TrainedModel& model) {
  nn::TensorFile file;
  file.metadata = {{"format", "pt"}, {"mop", to_json_text(model_json(model))}};
  const nn::ParamLayout layout(model.shape);
  for (std::size_t n = 0; n < model.networks.size(); ++n) {
    for (const nn::Tensor& t : layout.tensors()) {
      const auto first = model.networks[n].params.begin() + static_cast<std::ptrdiff_t>(t.offset);
      file.tensors.push_back(
          {tensor_name(n, t.name), t.dims, {first, first + static_cast<std::ptrdiff_t>(t.size)}});
    }
  }
  return nn::to_safetensors(file);
}

Result<TrainedModel> parse_model_file(std::string_view bytes, std::string_view what) {
  MOP_TRY_ASSIGN(const nn::TensorFile file, nn::parse_safetensors(bytes, what));
  const auto entry = std::find_if(file.metadata.begin(), file.metadata.end(),
                                  [](const auto& item) { return item.first == "mop"; });
  if (entry == file.metadata.end()) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("{} is a safetensors file but no MOP model: its metadata has no "
                            "'mop' entry",
                            what));
  }
  MOP_TRY_ASSIGN(const bj::value document, parse_json(entry->second, fmt::format("metadata of {}", what)));
  TrainedModel model;
  try {
    model = model_of(document.as_object());
  } catch (const std::exception& error) {
    return fail(
        ErrorCode::kCorrupt,
        fmt::format("metadata of {} are not those of a MOP model: {}; train it again", what, error.what()));
  }
  MOP_TRY(check_consistent(model, what));
  model.shape = shape_for(model.kind, model.branches, model.profile);
  if (auto valid = model.shape.validate(); !valid) {
    return fail(ErrorCode::kCorrupt, fmt::format("{}: {}; train it again", what, valid.error().message));
  }
  const nn::ParamLayout layout(model.shape);
  const std::size_t promised = model.networks.size() * layout.tensors().size();
  if (file.tensors.size() != promised) {
    return fail(ErrorCode::kCorrupt, fmt::format("{} has {} tensors, its metadata promise {}; train it again",
                                                 what, file.tensors.size(), promised));
  }
  for (std::size_t n = 0; n < model.networks.size(); ++n) {
    MOP_TRY_ASSIGN(model.networks[n].params, gather_params(file, layout, n, what));
  }
  return model;
}

std::string model_path(std::string_view directory, std::string_view symbol, Kind kind) {
  return fmt::format("{}/{}.safetensors", directory, model_id(symbol, kind));
}

Result<TrainedModel> load_model(Fs& fs, std::string_view directory, std::string_view symbol, Kind kind) {
  const std::string path = model_path(directory, symbol, kind);
  const auto bytes = fs.read(path);
  if (!bytes && bytes.error().code == ErrorCode::kNotFound) {
    return fail(ErrorCode::kNotFound, fmt::format("no model {}; run `mop train --symbols {} --kinds {}`",
                                                  path, symbol, to_string(kind)));
  }
  if (!bytes) return fail(bytes.error());
  return parse_model_file(*bytes, path);
}

}  // namespace mop::train
