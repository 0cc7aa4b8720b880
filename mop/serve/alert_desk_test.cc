#include "mop/serve/alert_desk.h"

#include <algorithm>

#include "mop/serve/alert_backscore.h"
#include "mop/serve/alert_json.h"
#include "mop/serve/http_test_support.h"

namespace mop::serve {
namespace {

using market::Interval;

// A service's view of one hourly series, close by close; `desk_` looks at it, `api_` is the other connection.
class AlertDeskTest : public LedgerTest {
 protected:
  void SetUp() override {
    LedgerTest::SetUp();
    restart();
    other_ = std::make_unique<store::Database>(open_database(path_, store::Access::kWrite).value());
    api_ = std::make_unique<AlertBook>(AlertBook::open(*other_).value());
  }
  void TearDown() override {
    api_.reset();
    other_.reset();
    desk_.reset();
    book_.reset();
    LedgerTest::TearDown();
  }
  void restart() {
    desk_.reset();
    book_.reset();
    open();
    book_ = std::make_unique<AlertBook>(AlertBook::open(*database_).value());
    desk_ = std::make_unique<AlertDesk>(*book_, *ledger_);
  }
  // After the close of candle n at this price; now: a moment later.
  void close_at(int n, double close) {
    board_.health.exchange_now = close_of(n) + 200;
    if (board_.series.empty()) board_.series.emplace_back();
    BoardSeries& s = board_.series[0];
    s.key = {"BTCUSDT", Interval::k1h};
    s.candles.push_back({close_of(n - 1) + 1, close, close, close, close, 1.0});
    s.last_close_time = close_of(n);
    s.champion = "model";
  }
  std::vector<AlertFiring> look(int n) {
    auto fired = desk_->on_close(board_, close_of(n));
    EXPECT_TRUE(fired.has_value()) << fired.error().message;
    return fired ? *fired : std::vector<AlertFiring>{};
  }
  std::vector<AlertFiring> close_and_look(int n, double close) {
    close_at(n, close);
    return look(n);
  }
  void on_time() { ASSERT_TRUE(desk_->on_time(board_).has_value()); }
  std::int64_t add(std::string_view json) {
    return api_->add(parse_alert(json).value(), close_of(0)).value().id;
  }
  std::string outcomes() {
    std::string all;
    const auto firings = api_->firings({}).value();
    for (const AlertFiring& f : firings)
      all += fmt::format("{}{}", all.empty() ? "" : " ", to_string(f.outcome));
    return all;
  }

  static constexpr const char* kAbove100 =
      R"({"kind":"price","symbol":"BTCUSDT","timeframe":"1h","threshold":100,"hysteresis":1,"cooldown_s":0})";
  std::unique_ptr<store::Database> other_;
  std::unique_ptr<AlertBook> book_, api_;
  std::unique_ptr<AlertDesk> desk_;
  Board board_;
};

TEST_F(AlertDeskTest, AnAlertMadeBetweenTwoClosesFiresAtTheNextCrossing) {
  close_and_look(1, 99.0);
  const std::int64_t id = add(kAbove100);
  on_time();
  const auto fired = close_and_look(2, 101.0);
  ASSERT_EQ(fired.size(), 1u);
  EXPECT_EQ(fired[0].alert, id);
  EXPECT_EQ(fired[0].as_of, close_of(2));
  EXPECT_EQ(fired[0].text, "BTCUSDT 1h closed at 101, above 100");
  EXPECT_GT(fired[0].id, 0);
  EXPECT_TRUE(close_and_look(3, 102.0).empty());
}

TEST_F(AlertDeskTest, TheSameCloseLookedAtTwiceFiresOnce) {
  close_and_look(1, 99.0);
  add(kAbove100);
  on_time();
  close_at(2, 101.0);
  EXPECT_EQ(look(2).size(), 1u);
  EXPECT_TRUE(look(2).empty());
  restart();
  ASSERT_TRUE(desk_->start(board_).has_value());
  EXPECT_TRUE(look(2).empty());
  EXPECT_EQ(outcomes(), "sent");
}

TEST_F(AlertDeskTest, WhatIsLostBeforeItWasStoredIsFoundAfterTheRestart) {
  close_and_look(1, 99.0);
  add(kAbove100);
  on_time();
  close_at(2, 101.0);  // and killed before it was looked at
  restart();
  ASSERT_TRUE(desk_->start(board_).has_value());
  EXPECT_EQ(look(2).size(), 1u);
}

TEST_F(AlertDeskTest, WhatWasCrossedWhileNobodyLookedIsMissedAndNeverSent) {
  close_and_look(1, 99.0);
  add(kAbove100);
  on_time();
  close_at(2, 101.0);
  close_at(3, 98.0);
  close_at(4, 99.5);
  close_at(5, 103.0);
  close_at(6, 104.0);
  restart();
  ASSERT_TRUE(desk_->start(board_).has_value());
  EXPECT_TRUE(look(6).empty());
  EXPECT_EQ(outcomes(), "missed missed");
  EXPECT_TRUE(close_and_look(7, 98.0).empty());
  EXPECT_EQ(close_and_look(8, 101.0).size(), 1u);
}

TEST_F(AlertDeskTest, CooldownAndBudgetSurviveARestart) {
  close_and_look(1, 99.0);
  add(R"({"kind":"price","symbol":"BTCUSDT","timeframe":"1h","threshold":100,"hysteresis":1,"cooldown_s":0,
          "daily_budget":1})");
  add(R"({"kind":"price","symbol":"BTCUSDT","timeframe":"1h","threshold":100,"hysteresis":1,
          "cooldown_s":36000})");
  on_time();
  EXPECT_EQ(close_and_look(2, 101.0).size(), 2u);
  close_and_look(3, 98.0);
  restart();
  ASSERT_TRUE(desk_->start(board_).has_value());
  EXPECT_TRUE(close_and_look(4, 101.0).empty());
  EXPECT_EQ(outcomes(), "sent sent budget cooldown");
}

TEST_F(AlertDeskTest, OnceExpiredDisabledOrDeletedItIsSilent) {
  close_and_look(1, 99.0);
  const std::string common =
      R"("kind":"price","symbol":"BTCUSDT","timeframe":"1h","threshold":100,"cooldown_s":0)";
  const std::int64_t once = add(fmt::format("{{{},\"once\":true}}", common));
  add(fmt::format("{{{},\"expires_at\":{}}}", common, close_of(2)));
  add(fmt::format("{{{},\"enabled\":false}}", common));
  const std::int64_t gone = add(fmt::format("{{{}}}", common));
  on_time();
  ASSERT_TRUE(api_->remove(gone).has_value());
  const auto fired = close_and_look(2, 101.0);
  ASSERT_EQ(fired.size(), 1u);
  EXPECT_EQ(fired[0].alert, once);
  EXPECT_FALSE(api_->find(once).value().spec.enabled);
  close_and_look(3, 98.0);
  EXPECT_TRUE(close_and_look(4, 101.0).empty());
}

TEST_F(AlertDeskTest, SwitchedOnAgainItDoesNotTellWhatHappenedMeanwhile) {
  close_and_look(1, 99.0);
  const std::int64_t id = add(kAbove100);
  on_time();
  AlertSpec spec = api_->find(id).value().spec;
  spec.enabled = false;
  ASSERT_TRUE(api_->change(id, spec, close_of(1)).has_value());
  close_and_look(2, 101.0);
  spec.enabled = true;
  ASSERT_TRUE(api_->change(id, spec, close_of(2)).has_value());
  EXPECT_TRUE(close_and_look(3, 102.0).empty());
  EXPECT_EQ(outcomes(), "");
}

TEST_F(AlertDeskTest, ASeriesThatGoesSilentIsToldOncePerSilence) {
  close_and_look(1, 99.0);
  add(R"({"kind":"stale","threshold":2,"cooldown_s":0})");
  const auto after = [&](double candles) {
    board_.health.exchange_now =
        board_.series[0].last_close_time + static_cast<DurationMillis>(candles * kHour);
    return desk_->on_time(board_).value().size();
  };
  EXPECT_EQ(after(0.5), 0u);
  EXPECT_EQ(after(1.9), 0u);
  EXPECT_EQ(after(2.0), 1u);
  EXPECT_EQ(after(3.0), 0u);
  close_and_look(6, 99.0);
  EXPECT_EQ(after(0.1), 0u);
  EXPECT_EQ(after(2.1), 1u);
}

TEST_F(AlertDeskTest, ForecastKindsLookAtTheForecastOfTheClose) {
  const auto forecast = [&](int n, double p_up, double close) {
    close_at(n, close);
    ForecastRow row = test_forecast(n);
    row.close = close;
    row.p_up[0] = p_up;
    board_.series[0].forecast = row;
    return look(n);
  };
  add(R"({"kind":"p_up","threshold":0.55,"cooldown_s":0})");
  add(R"({"kind":"outside_band","cooldown_s":0})");
  EXPECT_TRUE(forecast(1, 0.50, 100.0).empty());
  EXPECT_TRUE(forecast(2, 0.51, 100.1).empty());  // the first band is looked at
  auto fired = forecast(3, 0.56, 100.1);
  ASSERT_EQ(fired.size(), 1u);
  EXPECT_EQ(fired[0].kind, AlertKind::kPUp);
  fired = forecast(4, 0.5, 110.0);  // sigma is 1 %
  ASSERT_EQ(fired.size(), 1u);
  EXPECT_EQ(fired[0].kind, AlertKind::kOutsideBand);
  EXPECT_TRUE(close_and_look(5, 120.0).empty());  // without a forecast nothing is known
}

TEST_F(AlertDeskTest, TheRangeIsRankedAmongTheLedgersForecasts) {
  fill(0, 150);  // ranges of 0.015 to 0.0154
  add(R"({"kind":"spike","threshold":0.9,"cooldown_s":0})");
  const auto forecast = [&](int n, double log_range) {
    close_at(n, 100.0);
    ForecastRow row = test_forecast(n);
    row.log_range = log_range;
    board_.series[0].forecast = row;
    return look(n).size();
  };
  EXPECT_EQ(forecast(150, 0.0151), 0u);
  EXPECT_EQ(forecast(151, 0.02), 1u);
}

TEST_F(AlertDeskTest, AModelThatGivesWayIsTold) {
  close_and_look(1, 99.0);
  add(R"({"kind":"model"})");
  on_time();
  close_at(2, 99.0);
  board_.series[0].gave_way = true;
  board_.series[0].champion_reason = "worse than HAR over its last 500 forecasts";
  const auto fired = look(2);
  ASSERT_EQ(fired.size(), 1u);
  EXPECT_EQ(fired[0].text,
            "BTCUSDT 1h: a baseline forecasts now: worse than HAR over its last 500 forecasts");
}

TEST_F(AlertDeskTest, WhenItCannotBeWrittenItIsFoundAtTheNextClose) {
  close_and_look(1, 99.0);
  add(kAbove100);
  on_time();
  auto lock = store::Transaction::begin(*other_);
  ASSERT_TRUE(database_->execute("PRAGMA busy_timeout = 1").has_value());
  close_at(2, 101.0);
  EXPECT_FALSE(desk_->on_close(board_, close_of(2)).has_value());
  { const auto ended = std::move(*lock); }
  EXPECT_EQ(close_and_look(3, 102.0).size(), 1u);
}

TEST_F(AlertDeskTest, EachDeliveryIsRecordedOncePerChannel) {
  close_and_look(1, 99.0);
  add(kAbove100);
  on_time();
  const std::int64_t id = close_and_look(2, 101.0).at(0).id;
  FiringQuery waiting;
  waiting.undelivered_to = "discord:1";
  EXPECT_EQ(api_->firings(waiting).value().size(), 1u);
  EXPECT_TRUE(api_->deliver({id, "discord:1", "delivered", "m1", close_of(2)}).value().first);
  const auto again = api_->deliver({id, "discord:1", "failed", "m2", close_of(3)}).value();
  EXPECT_FALSE(again.first);
  EXPECT_EQ(again.delivery.detail, "m1");
  EXPECT_TRUE(api_->firings(waiting).value().empty());
  waiting.undelivered_to = "mail";
  EXPECT_EQ(api_->firings(waiting).value().size(), 1u);
  EXPECT_EQ(api_->deliver({id + 1, "mail", "delivered", "", 0}).error().code, ErrorCode::kNotFound);
}

TEST_F(AlertDeskTest, TheNewestFiringsComeFirstWhenAskedFor) {
  close_and_look(1, 98.0);
  add(kAbove100);
  on_time();
  std::vector<std::int64_t> ids;
  for (int n = 2; n <= 6; ++n) {
    for (const AlertFiring& f : close_and_look(n, n % 2 == 0 ? 101.0 : 98.0))
      ids.push_back(f.id);
  }
  ASSERT_EQ(ids.size(), 3u);
  FiringQuery query;
  query.limit = 2;
  EXPECT_EQ(api_->firings(query).value().front().id, ids[0]);
  query.newest = true;
  const auto newest = api_->firings(query).value();
  ASSERT_EQ(newest.size(), 2u);
  EXPECT_EQ(newest[0].id, ids[2]);
  EXPECT_EQ(newest[1].id, ids[1]);
}

TEST_F(AlertDeskTest, OnlySoManyAlertsPerOwner) {
  const AlertSpec spec = parse_alert(R"({"kind":"model","owner":"a"})").value();
  for (std::int64_t i = 0; i < AlertBook::kMostOfOwner; ++i)
    ASSERT_TRUE(api_->add(spec, 0).has_value());
  EXPECT_EQ(api_->add(spec, 0).error().code, ErrorCode::kRefused);
  EXPECT_TRUE(api_->add(parse_alert(R"({"kind":"model","owner":"b"})").value(), 0).has_value());
  EXPECT_EQ(api_->alerts("a", 0, 1000).value().size(), 50u);
  EXPECT_EQ(api_->alerts(std::nullopt, 50, 1000).value().size(), 1u);
}

TEST_F(AlertDeskTest, OldFiringsAreForgotten) {
  close_and_look(1, 99.0);
  add(kAbove100);
  on_time();
  const std::int64_t id = close_and_look(2, 101.0).at(0).id;
  ASSERT_TRUE(api_->deliver({id, "x", "delivered", "", close_of(2)}).has_value());
  ASSERT_TRUE(api_->forget_old(close_of(2) + AlertBook::kKeptFor).has_value());
  EXPECT_EQ(outcomes(), "sent");
  ASSERT_TRUE(api_->forget_old(close_of(3) + AlertBook::kKeptFor).has_value());
  EXPECT_EQ(outcomes(), "");
  EXPECT_TRUE(api_->deliveries(id).value().empty());
}

// Forecasts that say up every other hour; whether it came so is known by hand.
TEST_F(AlertDeskTest, ABackScoreCountsWhatWouldHaveBeenSentAndWhatWasRight) {
  const ModelRow models[] = {test_model()};
  ASSERT_TRUE(ledger_->add_models(models).has_value());
  for (int n = 0; n < 12; ++n) {
    ForecastRow row = test_forecast(n);
    row.close = n % 4 == 1 ? 100.0 : 101.0;  // up after 1, 5, 9; the other closes are followed by no rise
    row.p_up[0] = n % 2 == 1 ? 0.6 : 0.5;
    ASSERT_TRUE(ledger_->append({&row, 1}, {}).has_value());
    const double close = n % 4 == 1 ? 100.0 : 101.0;
    const ClosedCandle candle[] = {
        {"BTCUSDT", Interval::k1h, close_of(n), close, close * 1.01, close * 0.99}};
    ASSERT_TRUE(ledger_->score(candle).has_value());
  }
  const std::vector<store::SeriesKey> series{{"BTCUSDT", Interval::k1h}, {"ETHUSDT", Interval::k1h}};
  AlertSpec spec =
      parse_alert(R"({"kind":"p_up","threshold":0.55,"cooldown_s":0,"daily_budget":100})").value();
  BackScore score = back_score(*ledger_, spec, series).value();
  EXPECT_EQ(score.forecasts, 12);
  EXPECT_EQ(score.sent, 6);    // 1, 3, 5, 7, 9, 11
  EXPECT_EQ(score.judged, 5);  // what comes after 11 is not known
  EXPECT_EQ(score.right, 3);
  spec.daily_budget = 2;
  score = back_score(*ledger_, spec, series).value();
  // All of them in one UTC day.
  EXPECT_EQ(score.sent, 2);
  EXPECT_EQ(score.right, 1);
  spec = parse_alert(R"({"kind":"price","symbol":"BTCUSDT","timeframe":"1h","threshold":100.5,"cooldown_s":0,
                         "daily_budget":100})")
             .value();
  score = back_score(*ledger_, spec, series).value();
  EXPECT_EQ(score.sent, 3);  // 2, 6, 10
  EXPECT_EQ(score.judged, 0);
}

}  // namespace
}  // namespace mop::serve
