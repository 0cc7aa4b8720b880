// `mop doctor`: what works here, what does not, and what to do about it.
#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "mop/app/command.h"
#include "mop/app/doctor.h"
#include "mop/app/exchange_options.h"
#include "mop/app/open_files.h"
#include "mop/base/interrupt.h"
#include "mop/base/log.h"
#include "mop/base/parallel.h"
#include "mop/exchange/curl_transport.h"
#include "mop/nn/cpu/instruction_set.h"
#include "mop/serve/http_server.h"

namespace mop::app {
namespace {

struct DoctorFlags {
  std::optional<std::string> base_url, db;
};

// What is looked for, by --symbols and --timeframes.
struct Selection {
  std::vector<store::SeriesKey> series;
  std::vector<ModelName> models;
};

Result<Selection> selection(const Context& ctx) {
  MOP_TRY_ASSIGN(const auto symbols, ctx.symbols());
  MOP_TRY_ASSIGN(const auto intervals, ctx.timeframes());
  const auto wanted = [&](market::Interval interval) {
    return std::find(intervals.begin(), intervals.end(), interval) != intervals.end();
  };
  Selection selected;
  for (const market::Symbol& symbol : symbols) {
    for (const market::Interval interval : intervals)
      selected.series.push_back({std::string(symbol.name), interval});
    for (const train::Kind kind : {train::Kind::k15m, train::Kind::k1h, train::Kind::kUnified}) {
      const auto reads = train::intervals_of(kind);
      if (std::all_of(reads.begin(), reads.end(), wanted)) selected.models.push_back({symbol, kind});
    }
  }
  return selected;
}

// For people a row is shown as soon as it is known, its remedy below it.
class Report {
 public:
  explicit Report(const Context& ctx) : ctx_(ctx) {
    ctx_.say(fmt::format("{:<11} {:<8} {}", "check", "state", "found, and what to do"));
  }

  void add(Check check) {
    ctx_.say(fmt::format("{:<11} {:<8} {}", check.name, to_string(check.state), check.found));
    if (!check.remedy.empty()) ctx_.say(fmt::format("{:<20} -> {}", "", check.remedy));
    log_info(fmt::format("{}: {}: {}", check.name, to_string(check.state), check.found));
    checks_.push_back(std::move(check));
  }

  Exit end() const {
    const std::size_t failed = count(CheckState::kFail), warned = count(CheckState::kWarn);
    if (ctx_.json()) {
      print_json(failed == 0);
    } else {
      ctx_.say(fmt::format("{} checks: {} failed, {} to look at", checks_.size(), failed, warned));
    }
    return failed == 0 ? Exit::kDone : Exit::kFailed;
  }

 private:
  std::size_t count(CheckState state) const {
    return static_cast<std::size_t>(
        std::count_if(checks_.begin(), checks_.end(), [&](const Check& c) { return c.state == state; }));
  }
  void print_json(bool ok) const {
    boost::json::array rows;
    for (const Check& c : checks_) {
      rows.push_back(
          {{"name", c.name}, {"state", to_string(c.state)}, {"found", c.found}, {"remedy", nullptr}});
      if (!c.remedy.empty()) rows.back().as_object()["remedy"] = c.remedy;
    }
    ctx_.print_json({{"checks", std::move(rows)}, {"ok", ok}});
  }

  const Context& ctx_;
  std::vector<Check> checks_;
};

Result<ExchangeChecks> ask_exchange(Context& ctx, const DoctorFlags& flags) {
  if (ctx.flags.offline) return skip_exchange("not asked: --offline");
  MOP_TRY_ASSIGN(const auto options, binance_options(ctx, "doctor", flags.base_url, std::nullopt));
  exchange::CurlTransport transport;
  return check_exchange(transport, ctx.clock, options.base_url);
}

void check_machine(Context& ctx, const DoctorFlags& flags, Report& report) {
  report.add(check_program(build_info()));
  report.add(check_cpu(usable_cores(), nn::cpu::instruction_set()));
  report.add(check_gpu(nn::cuda::find_gpu(), build_info().cuda, ctx.settings.device));
  const std::array places{look_at_directory(ctx.fs, ctx.settings.data_dir),
                          look_at_directory(ctx.fs, ctx.settings.models_dir),
                          look_at_file(flags.db.value_or(ctx.settings.serve.db))};
  report.add(check_disk(places));
  const serve::HttpOptions http;
  report.add(check_open_files(http.max_connections, connections_that_fit(http.max_connections)));
}

Result<Exit> run_doctor(Context& ctx, const DoctorFlags& flags) {
  MOP_TRY_ASSIGN(const Selection selected, selection(ctx));
  Report report(ctx);
  check_machine(ctx, flags, report);
  MOP_TRY_ASSIGN(ExchangeChecks exchange, ask_exchange(ctx, flags));
  if (!interrupted()) {
    report.add(std::move(exchange.exchange));
    report.add(std::move(exchange.clock));
    const UnixMillis now =
        ctx.clock.now() + exchange.skew.value_or(0);  // ages hold also where this clock is off
    report.add(check_data(ctx.fs, ctx.clock, ctx.settings.data_dir, selected.series, now));
    const auto expires = static_cast<DurationMillis>(ctx.settings.serve.expires_after_days * kDay);
    Check models = check_models(ctx.fs, ctx.settings.models_dir, selected.models, expires, now);
    if (!interrupted()) {
      report.add(std::move(models));
      return report.end();
    }
  }
  return fail(ErrorCode::kInterrupted, "doctor was interrupted; it changes nothing, run it again");
}

}  // namespace

void add_doctor(CLI::App& cli, Context& ctx) {
  auto flags = std::make_shared<DoctorFlags>();
  CLI::App* verb =
      cli.add_subcommand("doctor", "What works here and what does not, with what to do about it");
  verb->footer(
      "Example: mop doctor --symbols @major\n"
      "Looks at the program, CPU, GPU, disk and open files, at the exchange and its clock, at stored candles "
      "and\n"
      "models. Nothing is written but the log; it takes seconds. Exit status 1 when a check failed; warnings "
      "are\n"
      "no failure. Ages are told by the exchange's clock when it answers.");
  verb->add_option("--base-url", flags->base_url, "REST address [https://api.binance.com]")->type_name("URL");
  verb->add_option("--db", flags->db, "The database of `mop serve` [mop.db]")->type_name("FILE");
  add_selectors(*verb, ctx);
  add_common(*verb, ctx);
  set_action(*verb, ctx, [&ctx, flags] { return run_doctor(ctx, *flags); });
}

}  // namespace mop::app
