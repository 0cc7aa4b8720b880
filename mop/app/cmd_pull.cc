// `mop pull --repo user/name`: models from a Hugging Face repository into the models directory.
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "mop/app/command.h"
#include "mop/app/hub.h"
#include "mop/app/hub_flags.h"
#include "mop/base/sha256.h"
#include "mop/evaluate/certificate.h"
#include "mop/train/model_file.h"

namespace mop::app {
namespace {

struct PullFlags {
  HubFlags hub;
  std::string revision = "main";
  bool force = false;
};

// What became of one file.
struct Pulled {
  std::size_t bytes = 0;
  std::string sha256, status, error;
  std::string mark;  // evaluate::certificate_mark of the model
};

// What is downloaded lies here until it has been looked at; nobody else looks into a directory of this one.
class Staging {
 public:
  /// Empty, and this process's alone. Errors: kUnavailable naming who else pulls into the directory, kIo.
  static Result<Staging> make(const std::string& models_dir) {
    const std::filesystem::path path = std::filesystem::absolute(models_dir) / ".pull";
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return fail(ErrorCode::kIo, fmt::format("cannot make {}: {}", path.string(), error.message()));
    MOP_TRY_ASSIGN(FileLock lock, FileLock::acquire((path / kLock).string()));
    for (const auto& left : std::filesystem::directory_iterator(path, error))
      if (left.path().filename() != kLock) std::filesystem::remove_all(left.path(), error);
    return Staging(path, std::move(lock));
  }
  Staging(Staging&& other) noexcept : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}
  Staging& operator=(Staging&&) = delete;
  ~Staging() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

  std::string file(const std::string& name) const { return (path_ / name).string(); }
  std::string directory() const { return path_.string(); }

 private:
  static constexpr const char* kLock = "lock";
  Staging(std::filesystem::path path, FileLock lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::filesystem::path path_;  // empty: handed on
  FileLock lock_;
};

class Puller {
 public:
  Puller(Context& ctx, const PullFlags& flags) : ctx_(ctx), flags_(flags) {}

  Result<HubOutcome> run() {
    MOP_TRY_ASSIGN(const HubAccess access, hub_access(ctx_, flags_.hub));
    MOP_TRY_ASSIGN(const auto names, selected_models(ctx_, flags_.hub));
    MOP_TRY_ASSIGN(const Staging staging, Staging::make(ctx_.settings.models_dir));
    HubDownload download{flags_.revision, {}, {}, staging.directory()};
    for (const ModelName& name : names) {
      download.names.push_back(name.file());
      const auto bytes = ctx_.fs.read(target(name.file()));
      if (!bytes && bytes.error().code == ErrorCode::kNotFound) continue;
      if (!bytes) return fail(bytes.error());
      download.have[name.file()] = sha256_hex(*bytes);
    }
    const OnPulled sink = [&](const std::string& name, const std::string& sha256) {
      return take(staging.file(name), name, sha256);
    };
    MOP_TRY_ASSIGN(HubOutcome outcome, pull(access, download, sink, ctx_.quiet()));
    for (const std::string& name : outcome.unchanged)
      files[name] = {std::filesystem::file_size(target(name)), download.have[name], "unchanged", "", ""};
    return outcome;
  }

  std::map<std::string, Pulled> files;

 private:
  std::string target(const std::string& name) const { return ctx_.settings.models_dir + "/" + name; }

  // A file that cannot be used is told and leaves what was there; the others go on.
  Result<void> take(const std::string& staged, const std::string& name, const std::string& sha256) {
    MOP_TRY_ASSIGN(const std::string bytes, ctx_.fs.read(staged));
    MOP_TRY(ctx_.fs.remove(staged));
    Pulled& file = files[name] = {bytes.size(), sha256_hex(bytes), "pulled", "", ""};
    if (file.sha256 != sha256) return fail(ErrorCode::kCorrupt, fmt::format("{} changed on the disk", name));
    if (const auto why = objection(name, bytes, file)) {
      file.status = "refused";
      file.error = *why;
      return {};
    }
    return ctx_.fs.write_atomically(target(name), bytes);
  }

  std::optional<std::string> objection(const std::string& name, const std::string& bytes,
                                       Pulled& file) const {
    const auto model = train::parse_model_file(bytes, name);
    if (!model) return model.error().message;
    if (model->id() + ".safetensors" != name) return fmt::format("it is a model of {}", model->id());
    file.mark = evaluate::certificate_mark(*model);
    const auto old = train::load_model(ctx_.fs, ctx_.settings.models_dir, model->symbol, model->kind);
    if (flags_.force || !old || old->trained_until <= model->trained_until) return std::nullopt;
    return fmt::format(
        "the one here has learnt newer candles (until {}, that one until {}); --force takes it "
        "all the same",
        format_utc(old->trained_until), format_utc(model->trained_until));
  }

  Context& ctx_;
  const PullFlags& flags_;
};

boost::json::value outcome_json(const PullFlags& flags, const HubOutcome& outcome,
                                const std::map<std::string, Pulled>& files) {
  boost::json::array list;
  for (const auto& [name, file] : files) {
    boost::json::object o{
        {"path", name}, {"bytes", file.bytes}, {"sha256", file.sha256}, {"status", file.status}};
    if (!file.error.empty()) o["error"] = file.error;
    if (!file.mark.empty()) o["mark"] = file.mark;
    list.push_back(std::move(o));
  }
  return {{"repo", flags.hub.repo},
          {"commit", outcome.commit},
          {"files", std::move(list)},
          {"missing", boost::json::value_from(outcome.missing)}};
}

Result<Exit> run_pull(Context& ctx, const PullFlags& flags) {
  Puller puller(ctx, flags);
  MOP_TRY_ASSIGN(const HubOutcome outcome, puller.run());
  if (puller.files.empty()) {
    return fail(ErrorCode::kNotFound,
                fmt::format("{} has none of the {} selected models at {}; see {}/tree/main", flags.hub.repo,
                            outcome.missing.size(), flags.revision, flags.hub.repo));
  }
  std::size_t pulled = 0, refused = 0;
  std::vector<std::string> marks;
  for (const auto& [name, file] : puller.files) {
    pulled += file.status == "pulled";
    refused += file.status == "refused";
    if (file.status == "refused") ctx.warn(fmt::format("{} was not taken: {}", name, file.error));
    if (file.status == "pulled") marks.push_back(file.mark);
  }
  warn_of_uncertified(ctx, marks);
  if (ctx.json()) ctx.print_json(outcome_json(flags, outcome, puller.files));
  ctx.say(
      fmt::format("{} at {}: {} models pulled into {}, {} already there, {} refused; it does not have {} of "
                  "those selected",
                  flags.hub.repo, outcome.commit.substr(0, 12), pulled, ctx.settings.models_dir,
                  puller.files.size() - pulled - refused, refused, outcome.missing.size()));
  if (refused == 0) return Exit::kDone;
  return refused == puller.files.size() ? Exit::kFailed : Exit::kPartly;
}

}  // namespace

void add_pull(CLI::App& cli, Context& ctx) {
  auto flags = std::make_shared<PullFlags>();
  CLI::App* verb = cli.add_subcommand("pull", "Get trained models from a Hugging Face repository");
  verb->footer(
      "Example: mop pull --repo me/mop-models --symbols BTCUSDT\n"
      "All files come from one commit, are compared with the hashes that it lists and read before they "
      "replace\n"
      "anything; what is here already is not fetched again, and a model that has learnt newer candles is "
      "kept. `mop\n"
      "serve` takes them up while it runs. A private repository needs HF_TOKEN. Needs Node.js 20 and `npm ci "
      "--prefix\n"
      "edges`.");
  add_hub_flags(*verb, ctx, flags->hub);
  verb->add_option("--revision", flags->revision, "Branch, tag or commit")->capture_default_str();
  verb->add_flag("--force", flags->force, "Also models that are older than those here");
  add_common(*verb, ctx);
  set_action(*verb, ctx, [&ctx, flags] { return run_pull(ctx, *flags); });
}

}  // namespace mop::app
