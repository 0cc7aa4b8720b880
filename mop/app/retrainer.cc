#include "mop/app/retrainer.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/app/canary_file.h"
#include "mop/app/model_review.h"
#include "mop/base/json.h"
#include "mop/base/log.h"
#include "mop/train/model_file.h"

namespace mop::app {
namespace {

constexpr DurationMillis kBetweenAttempts = kDay;
constexpr DurationMillis kStoppedIsOldAfter = 2 * kDay;  // then new candles are worth more than its state
constexpr DurationMillis kPatience = 20 * kSecond;       // for a training to write its state
constexpr std::string_view kModelSuffix = ".safetensors";

// What it said last, which is why it failed.
std::string last_line(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r'))
    text.remove_suffix(1);
  return std::string(text.substr(text.find_last_of("\r\n") + 1));
}

std::string days(DurationMillis age) {
  return fmt::format("{:.1f} days", static_cast<double>(age) / static_cast<double>(kDay));
}

}  // namespace

Retrainer::Retrainer(Fs& fs, RetrainerOptions options) : fs_(fs), options_(std::move(options)) {
  const auto text = fs_.read(work("attempt.json"));
  const auto document =
      text ? parse_json(*text, "attempt.json") : Result<boost::json::value>(fail(text.error()));
  if (!document) return;  // none was made, or its file cannot be used: the next attempt writes it anew
  const auto* started = document->is_object() ? document->as_object().if_contains("started") : nullptr;
  const auto* finished = document->is_object() ? document->as_object().if_contains("finished") : nullptr;
  if (started != nullptr && started->is_int64() && finished != nullptr && finished->is_bool())
    attempt_ = {started->as_int64(), finished->as_bool()};
  unreviewed_ = trained_files();
  if (attempt_.finished && !unreviewed_.empty()) stage_ = Stage::kReview;  // which was cut short
}

std::vector<std::string> Retrainer::trained_files() {
  std::vector<std::string> names = fs_.list(work(""));
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(kModelSuffix); });
  return names;
}

std::optional<std::string> Retrainer::due(UnixMillis now, const FleetState& fleet) const {
  const bool waits =
      attempt_.finished && attempt_.started <= now && now - attempt_.started < kBetweenAttempts;
  if (waits || fleet.trained_until == 0) return std::nullopt;
  const DurationMillis age = now - fleet.trained_until;
  if (rules_.after_days > 0.0 && static_cast<double>(age) > rules_.after_days * static_cast<double>(kDay))
    return fmt::format("the newest model learnt until {} ago", days(age));
  if (!rules_.on_drift || fleet.demoted.empty()) return std::nullopt;
  const store::SeriesKey& first = fleet.demoted.front();
  return fmt::format("live scores demoted the champions of {} series, {} {} first", fleet.demoted.size(),
                     first.symbol, market::to_string(first.interval));
}

void Retrainer::turn(UnixMillis now, const FleetState& fleet) {
  switch (stage_) {
    case Stage::kIdle:
      if (const auto why = due(now, fleet)) begin(now, *why);
      return;
    case Stage::kCanaries:
    case Stage::kTraining:
      if (const auto status = child_->poll()) next(*status);
      return;
    case Stage::kReview:
      review_one(now, fleet);
      return;
  }
}

void Retrainer::begin(UnixMillis now, const std::string& why) {
  const UnixMillis before = attempt_.started;
  resume_ = !attempt_.finished && before <= now && now - before < kStoppedIsOldAfter;
  if (!resume_) {
    for (const std::string& name : fs_.list(work(""))) {
      if (auto removed = fs_.remove(work(name)); !removed) return end(removed.error().message);
    }
  }
  attempt_ = {resume_ ? before : now, false};
  log_info(fmt::format("retraining: {}, because {}", resume_ ? "goes on" : "begins", why));
  plan_ = options_.plan();
  auto started = note(attempt_);
  if (started) started = plan_.canaries.empty() ? start_training() : start_canaries();
  if (!started) end(started.error().message);
}

Result<void> Retrainer::note(const Attempt& attempt) {
  const boost::json::object document{{"started", attempt.started}, {"finished", attempt.finished}};
  return fs_.write_atomically(work("attempt.json"), to_json_text(document) + "\n");
}

Result<void> Retrainer::run(std::vector<std::string> arguments) {
  MOP_TRY_ASSIGN(ChildProcess child,
                 ChildProcess::start({options_.program, std::move(arguments), options_.output}));
  child_ = std::move(child);
  return {};
}

Result<void> Retrainer::start_canaries() {
  stage_ = Stage::kCanaries;
  std::vector<std::string> arguments = plan_.canaries;
  arguments.insert(arguments.end(), {"--models-dir", options_.models_dir});
  return run(std::move(arguments));
}

// Up to the hour before it was begun: a training that goes on must see the same candles.
Result<void> Retrainer::start_training() {
  stage_ = Stage::kTraining;
  MOP_TRY_ASSIGN(const std::string canaries, fs_.read(canary_file_path(options_.models_dir)));
  MOP_TRY(fs_.write_atomically(work("canaries.json"), canaries));
  std::vector<std::string> arguments = plan_.train;
  arguments.insert(arguments.end(), {"--models-dir", options_.models_dir + "/.retrain", "--until",
                                     format_utc((attempt_.started - kMinute) / kHour * kHour)});
  if (resume_) arguments.emplace_back("--resume");
  return run(std::move(arguments));
}

// Exit status 3: some models could not be trained; the others are as good as ever.
void Retrainer::next(int exit_status) {
  const bool training = stage_ == Stage::kTraining;
  child_.reset();
  if (exit_status != 0 && !(training && exit_status == 3)) {
    return end(fmt::format("`mop {}` ended with exit status {}: {}", training ? "train" : "canaries",
                           exit_status, last_line(fs_.read(options_.output).value_or(""))));
  }
  if (!training) {
    if (auto started = start_training(); !started) end(started.error().message);
    return;
  }
  taken_ = refused_ = 0;
  unreviewed_ = trained_files();
  stage_ = Stage::kReview;
  attempt_.finished = true;
  if (auto noted = note(attempt_); !noted) log_error(noted.error().message);
}

// What a training that failed leaves behind is not looked at.
void Retrainer::end(const std::string& failure) {
  child_.reset();
  unreviewed_.clear();
  stage_ = Stage::kIdle;
  if (failure.empty()) {
    log_info(fmt::format("retraining: ended, {} models taken, {} refused", taken_, refused_));
    return;
  }
  log_error(fmt::format("retraining: failed, and is tried again in a day: {}", failure));
  for (const std::string& name : trained_files()) {
    if (auto removed = fs_.remove(work(name)); !removed) log_error(removed.error().message);
  }
  attempt_.finished = true;
  if (auto noted = note(attempt_); !noted) log_error(noted.error().message);
}

void Retrainer::review_one(UnixMillis now, const FleetState& fleet) {
  if (unreviewed_.empty()) return end("");
  const std::string name = std::move(unreviewed_.back());
  unreviewed_.pop_back();
  const auto refusal = review(name, now, fleet);
  const std::string why = refusal ? refusal->value_or("") : refusal.error().message;
  ++(why.empty() ? taken_ : refused_);
  if (!why.empty()) log_warning(fmt::format("retraining: {} is not used: {}", name, why));
  if (auto removed = fs_.remove(work(name)); !removed) log_warning(removed.error().message);
}

// What is written is what was looked at, and appears in models_dir as a whole.
Result<std::optional<std::string>> Retrainer::review(const std::string& name, UnixMillis now,
                                                     const FleetState& fleet) {
  MOP_TRY_ASSIGN(const std::string bytes, fs_.read(work(name)));
  MOP_TRY_ASSIGN(const train::TrainedModel fresh, train::parse_model_file(bytes, name));
  const std::string place = options_.models_dir + "/" + name;
  const auto old_bytes = fs_.read(place);
  const auto old = old_bytes ? train::parse_model_file(*old_bytes, place)
                             : Result<train::TrainedModel>(fail(old_bytes.error()));
  const auto old_counts = [&](market::Interval interval) {
    const bool demoted = std::ranges::any_of(fleet.demoted, [&](const store::SeriesKey& key) {
      return key.symbol == fresh.symbol && key.interval == interval;
    });
    return !demoted && now - old->trained_until <= rules_.expires_after;
  };
  auto refused = objection(
      {fresh, name.substr(0, name.size() - kModelSuffix.size()), old ? &*old : nullptr, old_counts});
  if (!refused) MOP_TRY(fs_.write_atomically(place, bytes));
  return refused;
}

void Retrainer::stop() {
  if (!child_) return;
  const int status = child_->stop(kPatience);
  log_info(fmt::format("retraining: stopped (exit status {}); it goes on at the next start", status));
  child_.reset();
  stage_ = Stage::kIdle;
}

}  // namespace mop::app
