#include "mop/app/operations.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "mop/app/canary_file.h"
#include "mop/app/models.h"
#include "mop/base/clock.h"
#include "mop/base/interrupt.h"
#include "mop/base/log.h"
#include "mop/base/parallel.h"

namespace mop::app {
namespace {

constexpr std::int64_t kLookEvery = 250'000;        // microseconds between two looks at what is not urgent
constexpr DurationMillis kNearClose = 2 * kSecond;  // of the exchange's clock: then nothing else is begun

DurationMillis in_millis(double days) {
  return static_cast<DurationMillis>(days * static_cast<double>(kDay));
}

FleetState fleet_of(const serve::Board& board) {
  FleetState fleet;
  for (const serve::BoardModel& model : board.models)
    fleet.trained_until = std::max(fleet.trained_until, model.trained_until);
  for (const serve::BoardSeries& series : board.series) {
    if (series.demoted) fleet.demoted.push_back(series.key);
  }
  return fleet;
}

RetrainerOptions retrainer_options(const Context& ctx, std::function<RetrainPlan()> plan) {
  RetrainerOptions options;
  options.models_dir = ctx.settings.models_dir;
  options.plan = std::move(plan);
  return options;
}

}  // namespace

Operations::Operations(Context& ctx, serve::Service& service, serve::HttpServer& server,
                       serve::BoardHolder& board, OperationsOptions options)
    : ctx_(ctx),
      service_(service),
      server_(server),
      board_(board),
      options_(std::move(options)),
      retrainer_(ctx.fs, retrainer_options(ctx, [this] { return plan(); })) {
  install_hangup_handler();
  follow_settings();
}

void Operations::turn() {
  const std::int64_t now_us = monotonic_micros();
  notifier_.alive(now_us);
  if (take_hangup()) reload();
  if (now_us - looked_us_ < kLookEvery) return;
  looked_us_ = now_us;
  const auto board = board_.get();
  tell_status(*board);
  const UnixMillis now = board->health.exchange_now;
  if (now + kNearClose < service_.next_close()) retrainer_.turn(now, fleet_of(*board));
}

void Operations::tell_status(const serve::Board& board) {
  notifier_.status(fmt::format("{} series, newest close {}, stream {}{}", board.series.size(),
                               format_utc(board.health.last_close + 1), board.health.stream,
                               retrainer_.busy() ? ", retraining" : ""));
}

void Operations::reload() {
  notifier_.reloading();
  const auto fresh = options_.read_settings();
  if (!fresh) {
    ctx_.warn(fmt::format("the settings stay as they were: {}", fresh.error().message));
  } else {
    const SettingsChange change = take_over(*fresh, ctx_.settings);
    follow_settings();
    log_info(fmt::format("settings are read again: {}",
                         change.applied.empty()
                             ? "nothing changed"
                             : fmt::format("{} changed", fmt::join(change.applied, ", "))));
    if (!change.need_restart.empty())
      ctx_.warn(fmt::format("{} changed in the settings but not here: start `mop serve` again for that",
                            fmt::join(change.need_restart, ", ")));
  }
  look_at_models_ = true;
  notifier_.ready();
}

void Operations::follow_settings() {
  const ServeSettings& s = ctx_.settings.serve;
  server_.limit_rate(s.requests_per_s, s.burst);
  service_.expire_after(in_millis(s.expires_after_days));
  retrainer_.follow({s.retrain_after_days, s.retrain_on_drift, in_millis(s.expires_after_days)});
}

// All cores but one, so that a close is not kept waiting.
RetrainPlan Operations::plan() const {
  const Settings& s = ctx_.settings;
  std::vector<std::string> common{"--quiet",
                                  "--profile",
                                  options_.profile,
                                  "--threads",
                                  fmt::format("{}", std::max<std::size_t>(2, usable_cores()) - 1),
                                  "--seed",
                                  fmt::format("{}", s.seed),
                                  "--device",
                                  s.device};
  if (ctx_.flags.config) common.insert(common.end(), {"--config", *ctx_.flags.config});
  RetrainPlan plan;
  if (stored_canaries(ctx_, s.models_dir, options_.profile == "v1" ? s.v1 : s.standard).empty()) {
    plan.canaries = {"canaries"};
    plan.canaries.insert(plan.canaries.end(), common.begin(), common.end());
  }
  plan.train = {"train", "--symbols", s.symbols, "--kinds", options_.kinds, "--data-dir", s.data_dir};
  plan.train.insert(plan.train.end(), common.begin(), common.end());
  return plan;
}

void Operations::stop() {
  notifier_.stopping();
  retrainer_.stop();
}

}  // namespace mop::app
