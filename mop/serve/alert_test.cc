#include "mop/serve/alert.h"

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/serve/alert_json.h"
#include "mop/serve/ledger_test_support.h"

namespace mop::serve {
namespace {

using market::Interval;
using enum AlertOutcome;

AlertSpec price(double threshold, AlertSide side = AlertSide::kAbove) {
  AlertSpec spec;
  spec.kind = AlertKind::kPrice;
  spec.symbol = "BTCUSDT";
  spec.interval = Interval::k1h;
  spec.side = side;
  spec.threshold = threshold;
  spec.hysteresis = 1.0;
  spec.cooldown = 0;
  spec.daily_budget = 100;
  return spec;
}

// What comes of these values, one an hour from kT0 on; "-": nothing.
class Hours {
 public:
  explicit Hours(AlertSpec spec) : spec_(std::move(spec)) {}
  std::string of(const std::vector<double>& values) {
    std::string all;
    for (const double value : values) {
      const auto outcome = observe(spec_, value, now_, late_, now_, state_, day_);
      all += fmt::format("{}{}", all.empty() ? "" : " ", outcome ? to_string(*outcome) : "-");
      now_ += kHour;
    }
    return all;
  }
  Hours& late(bool late) {
    late_ = late;
    return *this;
  }

 private:
  AlertSpec spec_;
  AlertState state_;
  AlertDay day_;
  UnixMillis now_ = kT0 + 1;  // midnight
  bool late_ = false;
};

TEST(AlertTest, ItFiresOnACrossingAndAgainOnlyAfterLeavingByTheHysteresis) {
  EXPECT_EQ(Hours(price(100.0)).of({99, 100, 101, 99.5, 100.5, 98.9, 100}), "- sent - - - - sent");
  EXPECT_EQ(Hours(price(100.0, AlertSide::kBelow)).of({101, 100, 99, 100.5, 99.5, 101.1, 100}),
            "- sent - - - - sent");
}

TEST(AlertTest, TheFirstValueIsNoCrossing) {
  EXPECT_EQ(Hours(price(100.0)).of({105, 104, 98, 105}), "- - - sent");
}

TEST(AlertTest, EitherSideOfAMoveCounts) {
  AlertSpec move = price(2.0, AlertSide::kEither);
  move.kind = AlertKind::kMove;
  move.hysteresis = 0.5;
  EXPECT_EQ(Hours(move).of({0, -2.5, -1.6, 2.1, 1.4, 2.0}), "- sent - - - sent");
  move.side = AlertSide::kBelow;
  EXPECT_EQ(Hours(move).of({0, 2.5, -2.5}), "- - sent");
}

TEST(AlertTest, CooldownQuietHoursAndBudgetHoldItBackAndSayWhy) {
  const std::vector<double> swings{99, 101, 98, 101, 98, 101, 98, 101};
  AlertSpec spec = price(100.0);
  spec.cooldown = 3 * kHour;
  EXPECT_EQ(Hours(spec).of(swings), "- sent - cooldown - sent - cooldown");
  spec = price(100.0);
  spec.daily_budget = 2;
  EXPECT_EQ(Hours(spec).of(swings), "- sent - sent - budget - budget");
  spec = price(100.0);
  spec.quiet = QuietHours{2 * 60, 6 * 60};
  EXPECT_EQ(Hours(spec).of(swings), "- sent - quiet - quiet - sent");
  spec.quiet = QuietHours{23 * 60, 2 * 60};  // over midnight
  EXPECT_EQ(Hours(spec).of(swings), "- quiet - sent - sent - sent");
}

TEST(AlertTest, ANewDayHasANewBudget) {
  AlertSpec spec = price(100.0);
  spec.daily_budget = 1;
  Hours run(spec);
  EXPECT_EQ(run.of({99, 101, 98, 101}), "- sent - budget");
  run.of(std::vector<double>(20, 98.0));  // to the next midnight
  EXPECT_EQ(run.of({101}), "sent");
}

TEST(AlertTest, WhatIsFoundTooLateIsMissedAndDisarmsIt) {
  Hours run(price(100.0));
  EXPECT_EQ(run.of({99}), "-");
  EXPECT_EQ(run.late(true).of({101}), "missed");
  EXPECT_EQ(run.late(false).of({101, 98, 101}), "- - sent");
}

// A view of a made-up series whose closes are these.
struct Market {
  explicit Market(const std::vector<double>& closes) {
    for (std::size_t i = 0; i < closes.size(); ++i)
      candles.push_back({kT0 + 1 + static_cast<DurationMillis>(i) * kHour, closes[i], closes[i], closes[i],
                         closes[i], 1.0});
    view.series = {"BTCUSDT", Interval::k1h};
    view.candles = candles;
    view.as_of = kT0 + static_cast<DurationMillis>(closes.size()) * kHour;
  }
  std::vector<BoardCandle> candles;
  AlertView view;
};

TEST(AlertTest, EachKindLooksAtItsNumberAndSaysItInASentence) {
  Market m({100.0, 102.0, 103.0});
  ForecastRow row = test_forecast(1);
  row.close = 103.0;
  row.sigma = 0.01;
  row.z.assign(row.z.size(), 0.0);
  row.z[row.levels.size() * 1 + 4] = 1.0;  // the median two steps ahead
  row.p_up = {0.56, 0.4, 0.5};
  row.log_range = 0.02;
  m.view.forecast = &row;
  m.view.range_rank = 0.97;
  m.view.band = AlertView::Band{101.0, 102.5};
  m.view.silent_candles = 3.0;
  m.view.gave_way = "worse than HAR";
  const auto check = [&](AlertKind kind, AlertSide side, double threshold, std::int64_t count, double value,
                         std::string_view text) {
    AlertSpec spec = price(threshold, side);
    spec.kind = kind;
    spec.window = spec.step = count;
    ASSERT_TRUE(alert_value(spec, m.view).has_value()) << to_string(kind);
    EXPECT_NEAR(*alert_value(spec, m.view), value, 1e-9);
    EXPECT_EQ(alert_text(spec, m.view, value), text);
  };
  using enum AlertKind;
  check(kPrice, AlertSide::kAbove, 102.5, 1, 103.0, "BTCUSDT 1h closed at 103, above 102.5");
  check(kMove, AlertSide::kEither, 2.0, 2, 3.0, "BTCUSDT 1h rose 3.00 % over 2 candles, to 103");
  check(kForecast, AlertSide::kAbove, 1.0, 2, 100.0 * std::expm1(0.01 * std::sqrt(2.0)),
        "BTCUSDT 1h: the forecast's median 2 candles ahead is 1.42 % above the close of 103");
  check(kPUp, AlertSide::kAbove, 0.55, 1, 0.56,
        "BTCUSDT 1h: the probability of a higher close one candle ahead is 56.0 %");
  check(kSpike, AlertSide::kAbove, 0.95, 1, 0.97,
        "BTCUSDT 1h: the next candle's expected range of 2.02 % is wider than 97 % of the last forecasts'");
  check(kOutsideBand, AlertSide::kAbove, 0.0, 1, 1.0,
        "BTCUSDT 1h closed at 103, outside the 90 % interval 101 to 102.5 forecast one candle before");
  check(kStale, AlertSide::kAbove, 2.0, 1, 3.0, "BTCUSDT 1h: no closed candle for 180 minutes");
  check(kModel, AlertSide::kAbove, 0.0, 1, 1.0, "BTCUSDT 1h: a baseline forecasts now: worse than HAR");
}

TEST(AlertTest, WhatIsNotKnownHasNoValue) {
  Market m({100.0, 102.0});
  AlertSpec spec = price(1.0);
  for (const AlertKind kind : {AlertKind::kForecast, AlertKind::kPUp, AlertKind::kSpike,
                               AlertKind::kOutsideBand, AlertKind::kModel}) {
    spec.kind = kind;
    EXPECT_FALSE(alert_value(spec, m.view).has_value()) << to_string(kind);
  }
  spec.kind = AlertKind::kMove;
  spec.window = 2;  // one candle too few
  EXPECT_FALSE(alert_value(spec, m.view).has_value());
  Market hole({100.0, 102.0, 103.0});
  hole.candles.erase(hole.candles.begin() + 1);
  hole.view.candles = hole.candles;
  spec.window = 1;
  EXPECT_FALSE(alert_value(spec, hole.view).has_value());
}

TEST(AlertTest, ARankNeedsEnoughForecastsAndForgetsOldOnes) {
  RangeRank ranks;
  for (int i = 0; i < 99; ++i)
    ranks.add(i);
  EXPECT_FALSE(ranks.rank(50.0).has_value());
  ranks.add(99);
  EXPECT_EQ(ranks.rank(50.0), 0.5);
  for (int i = 0; i < 500; ++i)
    ranks.add(1000.0);
  EXPECT_EQ(ranks.rank(999.0), 0.0);
}

std::string refusal(std::string_view json) {
  const auto spec = parse_alert(json);
  return spec ? "" : spec.error().message;
}

TEST(AlertJsonTest, AnAlertIsReadBackAsItWas) {
  AlertSpec spec = price(65000.5, AlertSide::kBelow);
  spec.owner = "discord:1";
  spec.note = "\"buy\"";
  spec.cooldown = 90 * kSecond;
  spec.expires_at = kT0;
  spec.quiet = QuietHours{22 * 60 + 30, 7 * 60};
  spec.once = true;
  EXPECT_EQ(parse_alert(to_json_text(spec_json(spec))).value(), spec);
  for (const char* json :
       {R"({"kind":"model"})", R"({"kind":"stale","threshold":2})",
        R"({"kind":"spike","threshold":0.95,"timeframe":"15m"})",
        R"({"kind":"move","side":"either","threshold":3,"window":4,"symbol":"ETHUSDT"})"}) {
    const AlertSpec read = parse_alert(json).value();
    EXPECT_EQ(parse_alert(to_json_text(spec_json(read))).value(), read) << json;
  }
}

TEST(AlertJsonTest, DefaultsGoWithoutSaying) {
  const AlertSpec spec =
      parse_alert(R"({"kind":"price","symbol":"BTCUSDT","timeframe":"1h","threshold":50000})").value();
  EXPECT_EQ(spec.side, AlertSide::kAbove);
  EXPECT_DOUBLE_EQ(spec.hysteresis, 100.0);
  EXPECT_EQ(spec.cooldown, kHour);
  EXPECT_EQ(spec.daily_budget, 3);
  EXPECT_TRUE(spec.enabled);
}

TEST(AlertJsonTest, WhatIsWrongIsNamed) {
  const std::string btc = R"("symbol":"BTCUSDT","timeframe":"1h")";
  const auto with = [&](std::string_view fields) { return refusal(fmt::format("{{{},{}}}", fields, btc)); };
  EXPECT_NE(refusal("[]").find("one JSON object"), std::string::npos);
  EXPECT_NE(refusal("{").find("an alert"), std::string::npos);
  EXPECT_NE(with(R"("kind":"prices")").find("kind must be one of"), std::string::npos);
  EXPECT_NE(with(R"("kind":"price")").find("threshold is needed"), std::string::npos);
  EXPECT_NE(with(R"("kind":"price","threshold":-1)").find("quote currency"), std::string::npos);
  EXPECT_NE(with(R"("kind":"price","threshold":"5")").find("must be a number"), std::string::npos);
  EXPECT_NE(with(R"("kind":"price","threshold":5,"side":"either")").find("above or below"),
            std::string::npos);
  EXPECT_NE(with(R"("kind":"price","threshold":5,"step":2)").find("not for alerts of kind price"),
            std::string::npos);
  EXPECT_NE(with(R"("kind":"price","threshold":5,"hysteresis":6)").find("hysteresis"), std::string::npos);
  EXPECT_NE(with(R"("kind":"p_up","threshold":1.5)").find("a probability"), std::string::npos);
  EXPECT_NE(with(R"("kind":"move","threshold":5,"window":97)").find("1..96"), std::string::npos);
  EXPECT_NE(with(R"("kind":"model","daily_budget":0)").find("daily_budget"), std::string::npos);
  EXPECT_NE(with(R"("kind":"model","cooldown_s":-1)").find("cooldown_s"), std::string::npos);
  EXPECT_NE(with(R"("kind":"model","cooldown_s":9223372036854775807)").find("cooldown_s"), std::string::npos);
  EXPECT_NE(with(R"("kind":"model","colour":1)").find("not known"), std::string::npos);
  EXPECT_NE(with(R"("kind":"model","quiet_hours":{"from":"25:00","to":"07:00"})").find("22:00"),
            std::string::npos);
  EXPECT_NE(with(R"("kind":"model","quiet_hours":{"from":"07:00","to":"07:00"})").find("same minute"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"kind":"price","threshold":5})").find("needs a symbol and a timeframe"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"kind":"model","symbol":"NOPE"})").find("25 coins"), std::string::npos);
  EXPECT_NE(refusal(R"({"kind":"model","timeframe":"4h"})").find("15m or 1h"), std::string::npos);
}

TEST(AlertJsonTest, AChangeKeepsTheRest) {
  AlertSpec spec = parse_alert(R"({"kind":"price","symbol":"BTCUSDT","timeframe":"1h","threshold":50000,
                                   "note":"n","hysteresis":7})")
                       .value();
  AlertSpec changed = parse_alert_change(spec, R"({"enabled":false})").value();
  EXPECT_FALSE(changed.enabled);
  changed.enabled = true;
  EXPECT_EQ(changed, spec);
  changed = parse_alert_change(spec, R"({"threshold":10})").value();
  EXPECT_DOUBLE_EQ(changed.hysteresis, 0.02);
  EXPECT_EQ(changed.note, "n");
  changed = parse_alert_change(spec, R"({"kind":"model"})").value();
  EXPECT_EQ(changed.kind, AlertKind::kModel);
  EXPECT_FALSE(parse_alert_change(spec, R"({"threshold":0})").has_value());
}

}  // namespace
}  // namespace mop::serve
