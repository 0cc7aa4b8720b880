// The main job with the real program against its own exchange: fetch, train, evaluate, predict.
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/base/time.h"
#include "process.h"

namespace mop::functional {
namespace {

namespace bj = boost::json;

bj::value json_of(const Finished& f) {
  auto parsed = parse_json(f.out, "standard output");
  EXPECT_TRUE(parsed.has_value()) << f.out << f.err;
  return parsed ? *parsed : bj::value{};
}

std::vector<std::string> split_cells(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream row(line);
  for (std::string cell; std::getline(row, cell, ',');)
    cells.push_back(cell);
  return cells;
}

// One exchange and one set of fetched candles and trained models for the whole suite.
class MainJobTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = testing::TempDir() + "mop_main_job_" + std::to_string(::getpid());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    sim_ = std::make_unique<Process>(
        directory_, std::vector<std::string>{"sim", "--port", "0", "--seed", "3", "--now", "2025-06-01"});
    url_ = sim_->read_out_line();
    fetched_ = run({"fetch", "--symbols", "BTCUSDT", "--limit", "1600", "--base-url", url_, "--json"});
    const bj::value stats = json_of(run({"stats", "--symbols", "BTCUSDT", "--json"}));
    for (const bj::value& s : stats.at("series").as_array()) {
      if (s.at("timeframe") == "15m") last_open_ = s.at("last_open_time").as_int64();
    }
    const std::int64_t split_ms = last_open_ - 300 * 900'000;
    split_ = iso(split_ms);
    trained_ = train("models");
  }
  static void TearDownTestSuite() {
    sim_.reset();
    std::filesystem::remove_all(directory_);
  }

  static std::string iso(std::int64_t ms) { return format_utc(ms - ms % 3'600'000); }
  static Finished run(std::vector<std::string> arguments) { return run_mop(directory_, arguments); }
  static Finished train(const std::string& models) {
    return run({"train", "--symbols", "BTCUSDT", "--until", split_, "--epochs", "2", "--models-dir", models,
                "--json"});
  }

  static std::string directory_, url_, split_;
  static std::unique_ptr<Process> sim_;
  static std::int64_t last_open_;
  static Finished fetched_, trained_;
};

std::string MainJobTest::directory_, MainJobTest::url_, MainJobTest::split_;
std::unique_ptr<Process> MainJobTest::sim_;
std::int64_t MainJobTest::last_open_ = 0;
Finished MainJobTest::fetched_, MainJobTest::trained_;

TEST_F(MainJobTest, FetchStoresClosedCandlesAndSaysWhatItDid) {
  ASSERT_EQ(fetched_.exit_code, 0) << fetched_.err;
  const bj::value document = json_of(fetched_);
  ASSERT_EQ(document.at("files").as_array().size(), 2u);
  for (const bj::value& file : document.at("files").as_array()) {
    for (const char* key : {"symbol", "timeframe", "rows_before", "rows_added", "rows", "first_open_time",
                            "last_open_time", "gaps", "source", "error"}) {
      EXPECT_TRUE(file.as_object().contains(key)) << key;
    }
    EXPECT_EQ(file.at("rows").to_number<std::size_t>(), 1600u);
  }
  for (const char* key : {"requests", "weight_used", "http_429", "http_418", "elapsed_s"}) {
    EXPECT_TRUE(document.as_object().contains(key)) << key;
  }
  EXPECT_GE(document.at("requests").to_number<std::size_t>(), 4u);
}

TEST_F(MainJobTest, ASecondFetchAddsOnlyWhatIsNew) {
  const bj::value again = json_of(run({"fetch", "--symbols", "BTCUSDT", "--base-url", url_, "--json"}));
  for (const bj::value& file : again.at("files").as_array()) {
    EXPECT_LE(file.at("rows_added").to_number<std::size_t>(), 2u);  // a candle may have closed meanwhile
    EXPECT_GE(file.at("rows").to_number<std::size_t>(), 1600u);
  }
}

TEST_F(MainJobTest, StatsStateEveryFieldOfTheContract) {
  const bj::value document = json_of(run({"stats", "--json"}));
  EXPECT_EQ(document.at("total_files"), 2);
  EXPECT_GE(document.at("total_rows").to_number<std::size_t>(), 3200u);
  ASSERT_EQ(document.at("series").as_array().size(), 2u);
  for (const bj::value& series : document.at("series").as_array()) {
    for (const char* key :
         {"symbol", "timeframe", "rows", "first_open_time", "last_open_time", "missing", "age_s"}) {
      EXPECT_TRUE(series.as_object().contains(key)) << key;
    }
  }
}

TEST_F(MainJobTest, VerifyFindsNothingWrong) {
  const Finished verified = run({"verify", "--json"});
  EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
}

TEST_F(MainJobTest, TrainMakesThreeModelsPerCoin) {
  ASSERT_EQ(trained_.exit_code, 0) << trained_.err << trained_.out;
  const bj::value document = json_of(trained_);
  EXPECT_EQ(document.at("device"), "cpu");
  ASSERT_EQ(document.at("models").as_array().size(), 3u);
  for (const bj::value& model : document.at("models").as_array()) {
    for (const char* key : {"id", "path", "params", "features", "samples", "epochs", "train_loss",
                            "best_val_loss", "seconds", "status"}) {
      EXPECT_TRUE(model.as_object().contains(key)) << key;
    }
    EXPECT_EQ(model.at("status"), "trained");
    EXPECT_TRUE(std::filesystem::exists(directory_ + "/" + bj::value_to<std::string>(model.at("path"))));
  }
  const std::string log = read_file(directory_ + "/logs/training.log");
  EXPECT_NE(log.find("BTCUSDT_unified network 1/4 epoch 2/2 train_loss"), std::string::npos) << log;
}

TEST_F(MainJobTest, SameSeedSameBytes) {
  ASSERT_EQ(train("models_again").exit_code, 0);
  for (const char* name : {"BTCUSDT_15m", "BTCUSDT_1h", "BTCUSDT_unified"}) {
    const std::string file = fmt::format("/{}.safetensors", name);
    EXPECT_EQ(read_file(directory_ + "/models" + file), read_file(directory_ + "/models_again" + file))
        << name;
  }
}

TEST_F(MainJobTest, ResumeKeepsFinishedModels) {
  const Finished resumed =
      run({"train", "--symbols", "BTCUSDT", "--until", split_, "--epochs", "2", "--resume", "--json"});
  const bj::value document = json_of(resumed);
  for (const bj::value& model : document.at("models").as_array())
    EXPECT_EQ(model.at("status"), "kept");
}

TEST_F(MainJobTest, CtrlCKeepsFinishedModelsAndExits130) {
  Process training(
      directory_, {"train", "--symbols", "BTCUSDT", "--until", split_, "--epochs", "100000", "--threads", "1",
                   "--kinds", "15m", "--profile", "v1", "--models-dir", "models_interrupted"});
  Process finished_first(directory_, {"train", "--symbols", "BTCUSDT", "--until", split_, "--epochs", "1",
                                      "--kinds", "1h", "--models-dir", "models_interrupted"});
  ASSERT_EQ(finished_first.finish().exit_code, 0);
  training.signal(SIGINT);
  const Finished stopped = training.finish();
  EXPECT_EQ(stopped.exit_code, 130) << stopped.err;
  EXPECT_NE(stopped.err.find("--resume"), std::string::npos) << stopped.err;
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/models_interrupted/BTCUSDT_1h.safetensors"));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/models_interrupted/BTCUSDT_15m.safetensors"));
}

// The log is a pipe here, so that the test knows when an epoch is over without waiting for a time.
TEST_F(MainJobTest, ATrainingThatWasInterruptedEndsWithTheBytesOfOneThatWasNot) {
  const std::vector<std::string> train{"train",        "--symbols", "BTCUSDT",    "--until",
                                       split_,         "--epochs",  "4",          "--kinds",
                                       "15m",          "--profile", "v1",         "--quiet",
                                       "--models-dir", "models",    "--data-dir", directory_ + "/data/raw"};
  const auto with_resume = [&] {
    auto arguments = train;
    arguments.emplace_back("--resume");
    return arguments;
  }();
  const std::string directory = fresh_directory(), whole = directory + "/whole",
                    stopped = directory + "/stopped";
  std::filesystem::create_directories(whole);
  std::filesystem::create_directories(stopped + "/logs");
  ASSERT_EQ(run_mop(whole, train).exit_code, 0);

  ASSERT_EQ(::mkfifo((stopped + "/logs/training.log").c_str(), 0600), 0);
  Process training(stopped, train);
  std::ifstream log(stopped + "/logs/training.log");
  for (std::string line; line.find(" epoch 1/4 ") == std::string::npos;)
    ASSERT_TRUE(std::getline(log, line));
  training.signal(SIGINT);
  EXPECT_EQ(training.finish().exit_code, 130);
  log.close();
  EXPECT_TRUE(std::filesystem::exists(stopped + "/models/BTCUSDT_15m.checkpoint"));

  std::filesystem::remove(stopped + "/logs/training.log");
  const Finished resumed = run_mop(stopped, with_resume);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(read_file(stopped + "/logs/training.log").find(" epoch 1/4 "), std::string::npos)
      << "goes on, does not start again";
  EXPECT_TRUE(read_file(stopped + "/models/BTCUSDT_15m.safetensors") ==
              read_file(whole + "/models/BTCUSDT_15m.safetensors"));
  EXPECT_FALSE(std::filesystem::exists(stopped + "/models/BTCUSDT_15m.checkpoint"));
}

// A fold's models are refused when they have seen a candle of it, so that they are scored shows that they
// have not; a second run finds them trained and says the same.
TEST_F(MainJobTest, AWalkForwardTrainsBeforeEveryBlockAndScoresIt) {
  const std::vector<std::string> command{
      "evaluate", "--folds", "2",        "--seeds", "2",         "--split", "2025-05-22",   "--kinds",
      "1h",       "--json",  "--epochs", "1",       "--symbols", "BTCUSDT", "--models-dir", "walked"};
  const Finished walked = run(command);
  ASSERT_EQ(walked.exit_code, 0) << walked.err;
  const bj::value document = json_of(walked);
  EXPECT_EQ(document.at("protocol").at("mode"), "walk-forward");
  ASSERT_EQ(document.at("series").as_array().size(), 1u);
  EXPECT_EQ(document.at("series").at(0).at("symbol"), "BTCUSDT");
  std::int64_t candles = 0;
  ASSERT_EQ(document.at("folds").as_array().size(), 2u);
  for (const bj::value& fold : document.at("folds").as_array())
    candles += fold.at("pooled").at("1h").at("n").as_int64();
  EXPECT_EQ(document.at("series").at(0).at("n").as_int64(), candles);
  EXPECT_EQ(document.at("folds").at(0).at("score_until"), document.at("folds").at(1).at("score_from"));
  ASSERT_EQ(document.at("seeds").as_array().size(), 2u);
  EXPECT_NE(document.at("seeds").at(0).at("pooled").at("1h").at("pinball"),
            document.at("seeds").at(1).at("pooled").at("1h").at("pinball"));
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/walked/folds/2025-05-22-seed2/BTCUSDT_1h.safetensors"));
  const auto before =
      std::filesystem::last_write_time(directory_ + "/walked/folds/2025-05-22-seed1/BTCUSDT_1h.safetensors");
  EXPECT_EQ(json_of(run(command)).at("pooled"), document.at("pooled"));
  EXPECT_EQ(
      std::filesystem::last_write_time(directory_ + "/walked/folds/2025-05-22-seed1/BTCUSDT_1h.safetensors"),
      before);
}

TEST_F(MainJobTest, EvaluateStatesEveryFieldOfTheContract) {
  const Finished scored =
      run({"evaluate", "--split", split_, "--symbols", "BTCUSDT", "--report", "report.html", "--json"});
  ASSERT_EQ(scored.exit_code, 0) << scored.err;
  const bj::value document = json_of(scored);
  ASSERT_EQ(document.at("series").as_array().size(), 4u);  // 15m, 1h, and the unified model's two
  for (const bj::value& s : document.at("series").as_array()) {
    for (const char* key : {"symbol",
                            "timeframe",
                            "kind",
                            "champion",
                            "n",
                            "mape_pct",
                            "mape_persistence_pct",
                            "mape_tick_floor_pct",
                            "mae_ratio",
                            "rmse",
                            "rmse_z",
                            "direction_accuracy",
                            "direction_ci95",
                            "pinball",
                            "pinball_static",
                            "pinball_ewma",
                            "pinball_har",
                            "skill_vs_ewma_pct",
                            "skill_vs_har_pct",
                            "coverage",
                            "dm_p_vs_ewma",
                            "dm_p_vs_har",
                            "log_range_r2",
                            "spike_auc"}) {
      EXPECT_TRUE(s.as_object().contains(key)) << key;
    }
    for (const char* key : {"50", "80", "90", "95", "90_top_vol_decile"}) {
      EXPECT_TRUE(s.at("coverage").as_object().contains(key)) << key;
    }
  }
  EXPECT_TRUE(document.at("pooled").as_object().contains("15m"));
  EXPECT_TRUE(document.at("pooled").as_object().contains("1h"));
  for (const bj::value& canary : document.at("canaries").as_array()) {
    EXPECT_TRUE(canary.at("passed").as_bool()) << to_json_text(canary);
  }
  const std::string page = read_file(directory_ + "/report.html");
  EXPECT_NE(page.find("<svg"), std::string::npos);
  for (const char* outside : {"src=\"http", "href=\"http", "url(http", "<script"}) {
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
  }
}

// A network of four units finds too little of what can be known: the certificate says so, and is stored all
// the same.
TEST_F(MainJobTest, CanariesStoreTheirCertificateAndFailWithAPoorProfile) {
  std::ofstream(directory_ + "/poor.toml")
      << "[default]\nhidden_size = 4\nnum_layers = 1\nensemble = 1\nleast_updates = 20\nlookback = 8\n";
  const Finished f =
      run({"canaries", "--config", "poor.toml", "--models-dir", "poor", "--seeds", "20", "--json"});
  EXPECT_EQ(f.exit_code, 1) << f.err;
  const bj::value document = json_of(f);
  EXPECT_EQ(parse_json(read_file(directory_ + "/poor/canaries.json"), "certificate").value(), document);
  EXPECT_EQ(document.at("profile").as_string().size(), 64u);
  std::map<std::string, bool> passed;
  for (const bj::value& c : document.at("canaries").as_array()) {
    EXPECT_TRUE(c.at("figure").is_number() && c.at("limit").is_number()) << to_json_text(c);
    passed[std::string(c.at("name").as_string())] = c.at("passed").as_bool();
  }
  const std::map<std::string, bool> expected{{"shuffled_targets", true},
                                             {"random_walks", true},
                                             {"planted_market", false},
                                             {"noise_free_market", false}};
  EXPECT_EQ(passed, expected);
}

TEST_F(MainJobTest, PredictGivesTheNumbersThatEvaluateRecorded) {
  ASSERT_EQ(
      run({"evaluate", "--split", split_, "--symbols", "BTCUSDT", "--forecasts", "forecasts.csv", "--quiet"})
          .exit_code,
      0);
  std::istringstream lines(read_file(directory_ + "/forecasts.csv"));
  std::map<std::string, std::vector<std::string>> recent;  // one-step forecasts per model and timeframe
  for (std::string line; std::getline(lines, line);) {
    const auto cells = split_cells(line);
    if (cells[4] != "1") continue;
    recent[cells[0] + "," + cells[1]].push_back(line);
  }
  ASSERT_EQ(recent.size(), 4u);
  for (const auto& [key, rows] : recent) {
    ASSERT_GT(rows.size(), 40u);
    const auto cells = split_cells(rows[rows.size() - 30]);
    const std::string kind = cells[0].substr(cells[0].find('_') + 1);
    const std::int64_t as_of = std::stoll(cells[2]);
    const Finished predicted = run({"predict", "BTCUSDT", "--timeframe", cells[1], "--kind", kind, "--as-of",
                                    format_utc(as_of + 1), "--json"});
    ASSERT_EQ(predicted.exit_code, 0) << predicted.err;
    const bj::value document = json_of(predicted);
    EXPECT_EQ(document.at("as_of_close_time").as_int64(), as_of) << key;
    const bj::object& quantiles = document.at("steps").at(0).at("quantiles").as_object();
    std::size_t column = 6;
    for (const auto& [level, price] : quantiles) {
      EXPECT_EQ(to_json_text(price), cells[column]) << key << " " << level;
      ++column;
    }
    EXPECT_EQ(to_json_text(document.at("steps").at(0).at("p_up")), cells[column]) << key;
  }
}

TEST_F(MainJobTest, PredictStatesEveryFieldOfTheContract) {
  const Finished predicted = run({"predict", "BTCUSDT", "--timeframe", "1h", "--steps", "7", "--json"});
  ASSERT_EQ(predicted.exit_code, 0) << predicted.err;
  const bj::value document = json_of(predicted);
  for (const char* key : {"symbol", "timeframe", "as_of_close_time", "close", "champion", "model", "steps",
                          "baseline", "inference_us"}) {
    EXPECT_TRUE(document.as_object().contains(key)) << key;
  }
  ASSERT_EQ(document.at("steps").as_array().size(), 7u);
  EXPECT_EQ(document.at("steps").at(6).at("step"), 7);
  EXPECT_EQ(document.at("model").at("sha256").as_string().size(), 64u);
  EXPECT_LT(document.at("inference_us").to_number<double>(), 100'000.0);
}

TEST_F(MainJobTest, AModelThatSawTheScoredCandlesIsRefused) {
  const Finished scored =
      run({"evaluate", "--split", iso(last_open_ - 900 * 900'000), "--symbols", "BTCUSDT", "--json"});
  EXPECT_EQ(scored.exit_code, 1);
  const bj::value document = json_of(scored);
  EXPECT_EQ(document.at("error").at("code"), "refused");
  EXPECT_NE(document.at("error").at("message").as_string().find("looking ahead"), std::string::npos);
}

TEST_F(MainJobTest, ACutModelFileIsOneClearSentence) {
  const std::string bytes = read_file(directory_ + "/models/BTCUSDT_1h.safetensors");
  write_file(directory_ + "/broken/BTCUSDT_1h.safetensors", bytes.substr(0, bytes.size() / 2));
  const Finished predicted = run({"predict", "BTCUSDT", "--models-dir", "broken"});
  EXPECT_EQ(predicted.exit_code, 1);
  EXPECT_NE(predicted.err.find("broken/BTCUSDT_1h.safetensors"), std::string::npos) << predicted.err;
  EXPECT_EQ(std::count(predicted.err.begin(), predicted.err.end(), '\n'), 1) << predicted.err;
}

// What the bytes mean to ONNX Runtime is tests/oracles/onnx_export.mjs.
TEST_F(MainJobTest, ExportWritesAnOnnxModelAndSaysWhatGoesIn) {
  const Finished f = run({"export", "BTCUSDT_unified", "--onnx", "unified.onnx", "--json"});
  ASSERT_EQ(f.exit_code, 0) << f.err;
  const bj::value document = json_of(f);
  EXPECT_EQ(document.at("model").as_string(), "BTCUSDT_unified");
  EXPECT_EQ(document.at("inputs").at(0).at("name").as_string(), "lstm_15m");
  EXPECT_EQ(document.at("inputs").at(1).at("lookback").as_int64(), 60);
  const std::string bytes = read_file(directory_ + "/unified.onnx");
  EXPECT_EQ(bytes.size(), document.at("bytes").to_number<std::size_t>());
  EXPECT_NE(bytes.find("quantile_levels"), std::string::npos) << "the metadata are there";

  const Finished wrong = run({"export", "BTCUSDT", "--onnx", "x.onnx"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_NE(wrong.err.find("a model is named SYMBOL_KIND like BTCUSDT_1h, was BTCUSDT"), std::string::npos)
      << wrong.err;
}

TEST_F(MainJobTest, FeaturesPrintTheContractsColumns) {
  const Finished raw = run({"features", "BTCUSDT", "--timeframe", "1h", "--raw"});
  ASSERT_EQ(raw.exit_code, 0) << raw.err;
  const std::string header = raw.out.substr(0, raw.out.find('\n'));
  EXPECT_TRUE(header.starts_with("open_time,open,high,low,close,volume,sma_10,")) << header;
  EXPECT_TRUE(header.ends_with(",price_change,volume_change,hl2")) << header;
  EXPECT_EQ(std::count(header.begin(), header.end(), ','), 44);
}

}  // namespace
}  // namespace mop::functional
