#include "mop/app/model_card.h"

#include <cmath>
#include <tuple>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/check.h"
#include "mop/base/json.h"
#include "mop/evaluate/certificate.h"

namespace mop::app {
namespace {

namespace bj = boost::json;

struct Range {
  double low, high;
};
constexpr Range kTime{0.0, 1e14}, kCount{0.0, 1e12}, kAny{-1e9, 1e9};

Result<double> number_at(const bj::value& document, std::string_view pointer, const Range& range,
                         std::string_view what) {
  boost::system::error_code error;
  const bj::value* v = document.find_pointer(pointer, error);
  const double number = v != nullptr && v->is_number() ? v->to_number<double>() : std::nan("");
  if (number >= range.low && number <= range.high) return number;
  return fail(
      ErrorCode::kInvalidArgument,
      fmt::format("{} has no number between {} and {} at {}; it must be what `mop evaluate --split DATE "
                  "--json` prints",
                  what, range.low, range.high, pointer));
}

std::string gain(double pinball, double baseline) {
  return fmt::format("{:+.2f} %", 100.0 * (1.0 - pinball / baseline));
}

std::string front_matter(std::string_view repo, const std::optional<TestScores>& scores) {
  std::string text =
      "---\nlicense: mit\nlibrary_name: mop\npipeline_tag: time-series-forecasting\ntags:\n- lstm\n"
      "- cryptocurrency\n- probabilistic-forecasting\n- quantiles\n";
  if (!scores) return text + "---\n";
  text += fmt::format("model-index:\n- name: {}\n  results:\n", repo.substr(repo.find('/') + 1));
  const std::string span =
      fmt::format("{} to {}", format_utc_date(scores->from), format_utc_date(scores->until));
  for (const PooledScore& s : scores->pooled) {
    text += fmt::format(
        "  - task:\n      type: time-series-forecasting\n      name: next candle's close, {0}\n"
        "    dataset:\n      type: binance-klines\n      name: Binance spot candles {0}, {1}\n    metrics:\n",
        s.timeframe, span);
    for (const auto& [type, name, value] :
         {std::tuple{"pinball_skill_vs_ewma", "Pinball loss saved against EWMA volatility (%)",
                     s.skill_vs_ewma},
          std::tuple{"pinball_skill_vs_har", "Pinball loss saved against HAR volatility (%)", s.skill_vs_har},
          std::tuple{"coverage_90", "Closes inside the 90 % interval (%)", s.coverage_90},
          std::tuple{"direction_accuracy", "Direction accuracy (%)", s.direction},
          std::tuple{"mape", "MAPE of the median (%)", s.mape}}) {
      text += fmt::format("    - type: {}\n      name: {}\n      value: {:.4f}\n", type, name, value);
    }
  }
  return text + "---\n";
}

std::string scores_text(const TestScores& scores) {
  std::string text = fmt::format(
      "## On candles they had not seen\nAll coins together, one step ahead, {} to {}. Skill is the pinball "
      "loss "
      "saved against a baseline.\n\n"
      "| | forecasts | vs EWMA | vs HAR | 90 % interval holds | direction | MAPE | of \"no change\" |\n"
      "|---|---|---|---|---|---|---|---|\n",
      format_utc_date(scores.from), format_utc_date(scores.until));
  for (const PooledScore& s : scores.pooled) {
    text += fmt::format("| {} | {} | {:+.2f} % | {:+.2f} % | {:.1f} % | {:.1f} % | {:.4f} % | {:.4f} % |\n",
                        s.timeframe, s.n, s.skill_vs_ewma, s.skill_vs_har, s.coverage_90, s.direction, s.mape,
                        s.mape_persistence);
  }
  return text + "\n";
}

std::string model_rows(const train::TrainedModel& m) {
  const std::string mark = evaluate::certificate_mark(m);
  std::string text;
  for (const train::BranchModel& b : m.branches) {
    const train::BlockScore s = b.all_blocks();
    text += fmt::format("| {} | {} | {} | {} x {} | {} | {} | {} | {} |\n", m.id(),
                        market::to_string(b.interval), format_utc(m.trained_until), m.networks.size(),
                        m.networks.front().params.size(), s.n == 0 ? "not scored" : gain(s.pinball, s.ewma),
                        s.n == 0 ? "" : gain(s.pinball, s.har), b.champion, mark.empty() ? "passed" : mark);
  }
  return text;
}

}  // namespace

Result<TestScores> parse_test_scores(std::string_view json, std::string_view what) {
  MOP_TRY_ASSIGN(const bj::value document, parse_json(json, what));
  TestScores scores;
  MOP_TRY_ASSIGN(const double from, number_at(document, "/protocol/score_from", kTime, what));
  MOP_TRY_ASSIGN(const double until, number_at(document, "/protocol/score_until", kTime, what));
  scores.from = static_cast<UnixMillis>(from);
  scores.until = static_cast<UnixMillis>(until);
  boost::system::error_code error;
  const bj::value* mode = document.find_pointer("/protocol/mode", error);
  if (mode == nullptr || *mode != bj::value("split")) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("{} must be of `mop evaluate --split DATE --json`: a walk-forward run scores other "
                    "models than those in the directory",
                    what));
  }
  for (const char* timeframe : {"15m", "1h"}) {
    const std::string at = fmt::format("/pooled/{}", timeframe);
    if (document.find_pointer(at, error) == nullptr) continue;
    PooledScore& s = scores.pooled.emplace_back();
    s.timeframe = timeframe;
    MOP_TRY_ASSIGN(const double n, number_at(document, at + "/n", kCount, what));
    s.n = static_cast<std::size_t>(n);
    for (const auto& [field, value, scale] :
         {std::tuple{"skill_vs_ewma_pct", &s.skill_vs_ewma, 1.0},
          std::tuple{"skill_vs_har_pct", &s.skill_vs_har, 1.0},
          std::tuple{"coverage/90", &s.coverage_90, 100.0},
          std::tuple{"direction_accuracy", &s.direction, 100.0}, std::tuple{"mape_pct", &s.mape, 1.0},
          std::tuple{"mape_persistence_pct", &s.mape_persistence, 1.0}}) {
      MOP_TRY_ASSIGN(const double found, number_at(document, at + "/" + field, kAny, what));
      *value = found * scale;
    }
  }
  if (scores.pooled.empty())
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} has no pooled scores of a timeframe", what));
  return scores;
}

std::string to_model_card(std::string_view repo, std::span<const train::TrainedModel> models,
                          const std::optional<TestScores>& scores) {
  MOP_CHECK(!models.empty());
  std::string text = front_matter(repo, scores);
  text += fmt::format(
      "# {0}\nForecasts of cryptocurrency prices by [MOP](https://github.com/caizongxun/MOP): {1} models, "
      "each of "
      "the next {2} closes of a coin\non Binance as quantiles.\n\n"
      "They know little of where a price goes and more of how far: their skill is in the width of the "
      "distribution. What a baseline\nforecasts better, `mop predict` says. Not financial advice.\n\n"
      "```\nmop pull --repo {0}\nmop predict {3}\n```\n"
      "A file is safetensors with PyTorch's names of an LSTM's weights; everything else, from scalers to "
      "calibration, is JSON in its\nmetadata (`docs/formats/model_file.md` of MOP).\n\n",
      repo, models.size(), models.front().horizon(), models.front().symbol, models.size() == 1 ? "" : "s");
  if (scores) text += scores_text(*scores);
  text +=
      "## Models\nSkill on the block of candles that ended their training: it was used to choose the best "
      "epoch, "
      "so it flatters a little.\nThe champion is who forecasts: the model, or a baseline that was better "
      "there. Canaries are checks that would find a leak.\n\n"
      "| model | timeframe | trained until (UTC) | parameters | vs EWMA | vs HAR | champion | canaries |\n"
      "|---|---|---|---|---|---|---|---|\n";
  for (const train::TrainedModel& m : models)
    text += model_rows(m);
  return text;
}

}  // namespace mop::app
