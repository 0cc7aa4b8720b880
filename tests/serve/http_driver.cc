// The HTTP side of `mop serve` without the service behind it: a made-up board of all coins and a ledger that
// fits one series, for tests/e2e and bench/serve. Prints its address, then obeys lines on stdin until it
// ends:
//   close     the next close: a new board, and an event for each series
//   rate N    such a close every N milliseconds of silence
//   fire N    the alert of the highest number crosses for N series at the next close
// http_driver DIRECTORY [TOKEN]
#include <poll.h>

#include <cstdio>
#include <iostream>
#include <string>

#include "mop/serve/alert_book.h"
#include "mop/serve/alert_json.h"
#include "mop/serve/api_json.h"
#include "mop/serve/http_server.h"
#include "mop/serve/http_test_support.h"

namespace {

using namespace mop;
using namespace mop::serve;

constexpr int kFirst = 60;  // closes before the start

Result<void> fill_ledger(const std::string& path) {
  MOP_TRY_ASSIGN(auto database, open_database(path, store::Access::kWrite));
  MOP_TRY(database.execute("PRAGMA synchronous = OFF"));
  MOP_TRY_ASSIGN(Ledger ledger, Ledger::open(database));
  const ModelRow models[] = {test_model()};
  MOP_TRY(ledger.add_models(models));
  for (int n = 0; n <= kFirst; ++n) {
    if (n == 30) {
      const MissedRow missed[] = {test_missed(n)};
      MOP_TRY(ledger.append({}, missed));
    } else {
      const ForecastRow row[] = {test_forecast(n)};
      MOP_TRY(ledger.append(row, {}));
    }
    const ClosedCandle candle[] = {candle_at(n)};
    MOP_TRY(ledger.score(candle));
  }
  return {};
}

std::vector<std::string> coins() {
  std::vector<std::string> names;
  for (const market::Symbol& symbol : market::fleet_symbols())
    names.emplace_back(symbol.name);
  return names;
}

class Driver {
 public:
  Driver(const std::string& database, std::string token)
      : database_(database), server_(options(database, std::move(token)), holder_, clock_) {}

  Result<void> run() {
    put_board();
    MOP_TRY(server_.start());
    std::cout << server_.url() << std::endl;
    pollfd input{0, POLLIN, 0};
    std::string line;
    while (true) {
      if (poll(&input, 1, every_ms_) == 0) {
        close();
      } else if (!std::getline(std::cin, line)) {
        return {};
      } else if (line == "close") {
        close();
      } else if (line.starts_with("rate ")) {
        every_ms_ = std::stoi(line.substr(5));
      } else if (line.starts_with("fire ")) {
        MOP_TRY(fire(std::stoul(line.substr(5))));
        std::cout << "fired" << std::endl;
      }
    }
  }

 private:
  static HttpOptions options(const std::string& database, std::string token) {
    HttpOptions o;
    o.address.port = 0;
    o.token = std::move(token);
    o.database = database;
    o.requests_per_s = o.burst = 1e6;  // one address asks for everybody
    return o;
  }
  void put_board() {
    auto board = test_board(now_, coins_);
    for (BoardSeries& series : board->series)
      series.scores = LiveScores{};
    board->pooled = {LiveScores{}, LiveScores{}};
    holder_.put(std::move(board));
  }
  // As the serving thread does: over its own connection, for the API to find, and before the close is told.
  Result<void> fire(std::size_t series) {
    MOP_TRY_ASSIGN(auto database, open_database(database_, store::Access::kWrite));
    MOP_TRY_ASSIGN(AlertBook book, AlertBook::open(database));
    MOP_TRY_ASSIGN(const auto alerts, book.alerts(std::nullopt, 0, AlertBook::kMostAlerts));
    if (alerts.empty()) return fail(ErrorCode::kNotFound, "no alert to fire");
    std::vector<AlertFiring> firings;
    for (std::size_t i = 0; i < series; ++i) {
      AlertFiring& firing = firings.emplace_back();
      firing.alert = alerts.back().id;
      firing.owner = alerts.back().spec.owner;
      firing.kind = alerts.back().spec.kind;
      firing.series = {coins_[i % coins_.size()],
                       i < coins_.size() ? market::Interval::k1h : market::Interval::k15m};
      firing.as_of = close_of(now_ + 1);
      firing.at = close_of(now_ + 1) + 150;
      firing.value = 101.0;
      firing.text = firing.series.symbol + " closed at 101, above 100";
    }
    MOP_TRY(book.note({}, firings));
    close();
    return {};
  }
  void close() {
    ++now_;
    put_board();
    const auto board = holder_.get();
    for (const BoardSeries& series : board->series)
      server_.tell(forecast_event(series.seq, *series.forecast, *board));
    server_.tell(score_event(test_forecast(now_ - 1),
                             score_step(now_, test_forecast(now_ - 1), test_model(), 1, candle_at(now_))));
    AlertFiring firing;
    firing.id = now_;
    firing.alert = 1;
    firing.series = {"BTCUSDT", market::Interval::k1h};
    firing.as_of = close_of(now_);
    firing.at = close_of(now_) + 150;
    firing.value = 101.0;
    firing.text = "BTCUSDT 1h closed at 101, above 100";
    server_.tell(alert_event(firing));
    server_.tell(health_event(*board));
  }

  const std::string database_;
  const std::vector<std::string> coins_ = coins();
  BoardHolder holder_;
  SystemClock clock_;
  int now_ = kFirst, every_ms_ = -1;
  HttpServer server_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::string database = std::string(argv[1]) + "/mop.db";
  auto done = fill_ledger(database);
  if (done) done = Driver(database, argc > 2 ? argv[2] : "").run();
  if (!done) std::cerr << done.error().message << std::endl;
  return done ? 0 : 1;
}
