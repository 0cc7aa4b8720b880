// What every verb of the program shares: options, settings, output, exit status.
// A verb is one file with one add_<verb>(); the recipe is in CONTRIBUTING.md.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mop/app/settings.h"
#include "mop/base/clock.h"
#include "mop/base/fs.h"
#include "mop/base/result.h"
#include "mop/market/interval.h"
#include "mop/market/symbol.h"

namespace CLI {
class App;
}
namespace boost::json {
class value;
}

namespace mop::app {

/// Exit status of the program (the command-line contract).
enum class Exit : int { kDone = 0, kFailed = 1, kUsage = 2, kPartly = 3, kInterrupted = 130 };

/// Flags as typed; what was not typed comes from mop.toml, then from the defaults (Settings).
struct CommonFlags {
  std::optional<std::string> symbols, timeframes, data_dir, models_dir, config;
  std::optional<std::size_t> threads;
  std::optional<std::uint64_t> seed;
  std::optional<std::string> device;
  std::optional<double> vram;
  bool json = false, quiet = false, offline = false;
  bool splice_renamed = false;
};

/// Handed to every verb. Fs and Clock are the seams tests replace.
struct Context {
  Fs& fs;
  Clock& clock;
  CommonFlags flags;
  Settings settings;    // flags over mop.toml over defaults; filled before a verb runs
  std::string command;  // the command line as typed, for reports
  int exit_code = 0;

  bool json() const { return flags.json; }
  /// No progress and no chatter (progress goes to stderr, so --json alone keeps it).
  bool quiet() const { return flags.quiet; }
  /// The selected coins and timeframes. Errors: kInvalidArgument.
  Result<std::vector<market::Symbol>> symbols() const;
  Result<std::vector<market::Interval>> timeframes() const;

  /// A line for people on stdout; nothing with --json or --quiet.
  void say(std::string_view line) const;
  /// A warning on stderr and in the log, also with --quiet.
  void warn(std::string_view line) const;
  /// The one JSON document on stdout.
  void print_json(const boost::json::value& document) const;
};

/// Flags over mop.toml over defaults, as a verb is given them. Errors: as parse_settings; kNotFound, kIo.
Result<Settings> load_settings(Context& ctx);

/// --symbols.
void add_symbols(CLI::App& verb, Context& ctx);
/// --symbols and --timeframes.
void add_selectors(CLI::App& verb, Context& ctx);
/// --splice-renamed, of the verbs that read series.
void add_splice(CLI::App& verb, Context& ctx);
/// --data-dir --models-dir --config --json --quiet --threads --seed --device --vram --offline.
void add_common(CLI::App& verb, Context& ctx);
/// Makes `work` what the verb does: settings are loaded, logs/<verb>.log is opened, an error is printed as
/// one sentence (or as JSON) and turned into the exit status. Exceptions of libraries end here as well.
void set_action(CLI::App& verb, Context& ctx, std::function<Result<Exit>()> work);

void add_fetch(CLI::App& cli, Context& ctx);
void add_import(CLI::App& cli, Context& ctx);
void add_stats(CLI::App& cli, Context& ctx);
void add_verify(CLI::App& cli, Context& ctx);
void add_features(CLI::App& cli, Context& ctx);
void add_train(CLI::App& cli, Context& ctx);
void add_evaluate(CLI::App& cli, Context& ctx);
void add_canaries(CLI::App& cli, Context& ctx);
void add_predict(CLI::App& cli, Context& ctx);
void add_export(CLI::App& cli, Context& ctx);
void add_serve(CLI::App& cli, Context& ctx);
void add_ledger(CLI::App& cli, Context& ctx);
void add_bot(CLI::App& cli, Context& ctx);
void add_publish(CLI::App& cli, Context& ctx);
void add_pull(CLI::App& cli, Context& ctx);
void add_sim(CLI::App& cli, Context& ctx);
void add_doctor(CLI::App& cli, Context& ctx);

/// Parses and runs one command line; returns the exit status. `main` calls nothing else.
int run(int argc, const char* const* argv, Fs& fs, Clock& clock);

}  // namespace mop::app
