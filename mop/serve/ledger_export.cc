#include "mop/serve/ledger_export.h"

#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace mop::serve {
namespace {

constexpr std::size_t kPiece = 100'000;  // bytes

std::string quoted(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text)
    out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

std::string header(std::span<const double> levels) {
  std::string text =
      "seq,symbol,timeframe,as_of,made_at,champion,reason,model_id,model_sha256,input_hash,close,tick_size,"
      "sigma,"
      "step,close_time,p_up,log_range";
  for (const std::string_view name : {"q", "static", "ewma", "har"}) {
    for (const double level : levels)
      text += fmt::format(",{}_{}", name, level);
  }
  return text +
         ",outcome_close,outcome_high,outcome_low,z,pinball,pinball_static,pinball_ewma,pinball_har,in50,"
         "in80,in90,"
         "in95,direction,log_range_error,abs_error,abs_move\n";
}

void append_numbers(std::string& line, std::span<const double> numbers) {
  for (const double x : numbers)
    line += fmt::format(",{}", x);
}

std::string flag(std::int8_t value) {
  return value < 0 ? "" : fmt::format("{}", value);
}

std::string score_cells(const StepScore* s) {
  if (s == nullptr) return std::string(16, ',');
  std::string cells;
  append_numbers(cells, std::array{s->close, s->high, s->low, s->z, s->pinball, s->pinball_static,
                                   s->pinball_ewma, s->pinball_har});
  for (const std::int8_t inside : s->inside)
    cells += "," + flag(inside);
  cells += "," + flag(s->direction) + ",";
  if (std::isfinite(s->log_range_error)) cells += fmt::format("{}", s->log_range_error);
  for (const double x : {s->abs_error, s->abs_move})
    cells += std::isfinite(x) ? fmt::format(",{}", x) : ",";
  return cells;
}

std::string lines_of(std::int64_t seq, const ForecastRow& f, const ModelRow& model,
                     std::span<const StepScore> scores) {
  const std::string_view timeframe = market::to_string(f.interval);
  const std::string start = fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{}", seq, f.symbol, timeframe,
                                        f.as_of, f.made_at, f.champion, quoted(f.reason), quoted(f.model_id),
                                        f.model_sha256, f.input_hash, f.close, f.tick_size, f.sigma);
  std::string lines;
  for (std::size_t step = 1; step <= f.horizon; ++step) {
    const UnixMillis closes = f.as_of + static_cast<DurationMillis>(step) * market::length_of(f.interval);
    lines += fmt::format("{},{},{},{},", start, step, closes, f.p_up[step - 1]);
    if (step == 1 && f.log_range) lines += fmt::format("{}", *f.log_range);
    const std::size_t levels = f.levels.size();
    const BaselineQuantiles baselines = baseline_quantiles(f, model, step);
    append_numbers(lines, std::span(f.z).subspan((step - 1) * levels, levels));
    append_numbers(lines, baselines.fixed);
    append_numbers(lines, baselines.ewma);
    append_numbers(lines, baselines.har);
    const StepScore* score = nullptr;
    for (const StepScore& s : scores) {
      if (s.step == static_cast<std::int64_t>(step)) score = &s;
    }
    lines += score_cells(score) + "\n";
  }
  return lines;
}

}  // namespace

Result<std::size_t> export_csv(Ledger& ledger, std::span<const store::SeriesKey> series, ExportSpan span,
                               const std::function<Result<void>(std::string_view)>& write) {
  std::vector<double> levels;
  std::string piece;
  std::size_t lines = 0;
  const Ledger::Visit add = [&](std::int64_t seq, const ForecastRow& row) -> Result<void> {
    if (levels.empty()) {
      levels = row.levels;
      piece = header(levels);
    }
    if (levels != row.levels) {
      return fail(
          ErrorCode::kRefused,
          fmt::format("ledger: {} states the quantile levels {}, forecasts before it {}; export them apart "
                      "with --timeframes or --since",
                      close_text(row.symbol, row.interval, row.as_of), fmt::join(row.levels, " "),
                      fmt::join(levels, " ")));
    }
    MOP_TRY_ASSIGN(const ModelRow model, ledger.model_of(row));
    MOP_TRY_ASSIGN(const auto scores, ledger.scores_of(seq));
    piece += lines_of(seq, row, model, scores);
    lines += row.horizon;
    if (piece.size() < kPiece) return {};
    MOP_TRY(write(piece));
    piece.clear();
    return {};
  };
  for (const store::SeriesKey& key : series)
    MOP_TRY(ledger.visit(key.symbol, key.interval, span.since, span.until, add));
  if (!piece.empty()) MOP_TRY(write(piece));
  return lines;
}

}  // namespace mop::serve
