// `mop publish --repo user/name`: models and their page into a Hugging Face repository.
#include <filesystem>
#include <memory>
#include <set>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "mop/app/command.h"
#include "mop/app/hub.h"
#include "mop/app/hub_flags.h"
#include "mop/app/model_card.h"
#include "mop/base/sha256.h"
#include "mop/evaluate/certificate.h"
#include "mop/train/model_file.h"

namespace mop::app {
namespace {

struct PublishFlags {
  HubFlags hub;
  std::string scores, title;
  bool is_public = false, dry_run = false;
};

// What there is of the selected models.
struct Shelf {
  std::vector<train::TrainedModel> models;
  std::vector<HubFile> files;
  std::vector<std::string> marks;  // of each model, see evaluate::certificate_mark
};

Result<Shelf> read_shelf(const Context& ctx, const HubFlags& flags) {
  Shelf shelf;
  MOP_TRY_ASSIGN(const auto names, selected_models(ctx, flags));
  for (const ModelName& name : names) {
    const std::string path = train::model_path(ctx.settings.models_dir, name.symbol, name.kind);
    const auto bytes = ctx.fs.read(path);
    if (!bytes && bytes.error().code == ErrorCode::kNotFound) continue;
    if (!bytes) return fail(bytes.error());
    MOP_TRY_ASSIGN(train::TrainedModel model, train::parse_model_file(*bytes, path));
    if (model.symbol != name.symbol || model.kind != name.kind) {
      return fail(
          ErrorCode::kCorrupt,
          fmt::format("{} is a model of {}; its name must say what it is, train it again", path, model.id()));
    }
    shelf.marks.push_back(evaluate::certificate_mark(model));
    shelf.models.push_back(std::move(model));
    shelf.files.push_back(
        {name.file(), std::filesystem::absolute(path).string(), bytes->size(), sha256_hex(*bytes)});
  }
  if (!shelf.models.empty()) return shelf;
  return fail(ErrorCode::kNotFound, fmt::format("no model of the selected coins is in {}; run `mop train`",
                                                ctx.settings.models_dir));
}

// Scores of candles that a model has learnt from would flatter all of them.
Result<std::optional<TestScores>> read_scores(const Context& ctx, const std::string& path,
                                              const Shelf& shelf) {
  if (path.empty()) return std::optional<TestScores>();
  MOP_TRY_ASSIGN(const std::string text, ctx.fs.read(path));
  MOP_TRY_ASSIGN(TestScores scores, parse_test_scores(text, path));
  for (const train::TrainedModel& model : shelf.models) {
    if (model.trained_until < scores.from) continue;
    return fail(
        ErrorCode::kRefused,
        fmt::format("{} scores forecasts from {} on, but {} has learnt candles up to {}; evaluate these "
                    "models from a later date",
                    path, format_utc(scores.from), model.id(), format_utc(model.trained_until)));
  }
  return std::optional(std::move(scores));
}

std::string default_title(const Shelf& shelf) {
  UnixMillis newest = 0;
  for (const train::TrainedModel& model : shelf.models)
    newest = std::max(newest, model.trained_until);
  return fmt::format("{} model{} trained until {}", shelf.models.size(), shelf.models.size() == 1 ? "" : "s",
                     format_utc_date(newest));
}

boost::json::value outcome_json(const HubAccess& access, const HubUpload& upload, const HubOutcome& outcome) {
  const std::set<std::string> changed(outcome.changed.begin(), outcome.changed.end());
  const auto status = [&](const std::string& path) {
    return !changed.contains(path) ? "unchanged" : upload.dry_run ? "would upload" : "uploaded";
  };
  boost::json::array files;
  for (const HubFile& file : upload.files) {
    files.push_back(
        {{"path", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}, {"status", status(file.path)}});
  }
  for (const auto& [path, text] : upload.texts) {
    files.push_back(
        {{"path", path}, {"bytes", text.size()}, {"sha256", sha256_hex(text)}, {"status", status(path)}});
  }
  return {{"repo", access.repo},
          {"commit", outcome.commit},
          {"url", outcome.url},
          {"files", files},
          {"dry_run", upload.dry_run}};
}

Result<Exit> run_publish(Context& ctx, const PublishFlags& flags) {
  MOP_TRY_ASSIGN(const HubAccess access, hub_access(ctx, flags.hub));
  MOP_TRY_ASSIGN(const Shelf shelf, read_shelf(ctx, flags.hub));
  warn_of_uncertified(ctx, shelf.marks);
  MOP_TRY_ASSIGN(const auto scores, read_scores(ctx, flags.scores, shelf));
  const HubUpload upload{flags.title.empty() ? default_title(shelf) : flags.title,
                         shelf.files,
                         {{"README.md", to_model_card(access.repo, shelf.models, scores)}},
                         !flags.is_public,
                         flags.dry_run};
  MOP_TRY_ASSIGN(const HubOutcome outcome, publish(access, upload, ctx.quiet()));
  if (ctx.json()) {
    ctx.print_json(outcome_json(access, upload, outcome));
    return Exit::kDone;
  }
  for (const std::string& path : outcome.changed)
    ctx.say(fmt::format("{} {}", flags.dry_run ? "would upload" : "uploaded", path));
  if (flags.dry_run) ctx.say("\n" + upload.texts.at("README.md"));
  ctx.say(fmt::format("{}: {} of {} files {}, {} as they are there{}{}", access.repo, outcome.changed.size(),
                      outcome.changed.size() + outcome.unchanged.size(),
                      flags.dry_run ? "would be uploaded" : "uploaded", outcome.unchanged.size(),
                      outcome.url.empty() ? "" : ": ", outcome.url));
  return Exit::kDone;
}

}  // namespace

void add_publish(CLI::App& cli, Context& ctx) {
  auto flags = std::make_shared<PublishFlags>();
  CLI::App* verb = cli.add_subcommand("publish", "Put trained models into a Hugging Face repository");
  verb->footer(
      "Example: mop publish --repo me/mop-models --dry-run\n"
      "What differs from the repository goes there in one commit, with a page that says how good the models "
      "are;\n"
      "nothing there is deleted. Needs a token that may write in HF_TOKEN (or .env), Node.js 20 and `npm ci "
      "--prefix\n"
      "edges`. A repository that does not exist is made, private unless --public is given.");
  add_hub_flags(*verb, ctx, flags->hub);
  verb->add_option("--scores", flags->scores,
                   "What `mop evaluate --split DATE --json` printed of these models: goes onto the page")
      ->type_name("FILE");
  verb->add_option("--title", flags->title, "Title of the commit")->type_name("TEXT");
  verb->add_flag("--public", flags->is_public, "A repository that is made may be read by all");
  verb->add_flag("--dry-run", flags->dry_run, "Say what would be uploaded and show the page, change nothing");
  add_common(*verb, ctx);
  set_action(*verb, ctx, [&ctx, flags] { return run_publish(ctx, *flags); });
}

}  // namespace mop::app
