#include "mop/app/hub_flags.h"

#include <cstdlib>
#include <map>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "mop/app/models.h"
#include "mop/app/secrets.h"

namespace mop::app {

void add_hub_flags(CLI::App& verb, Context& ctx, HubFlags& flags) {
  verb.add_option("--repo", flags.repo, "The repository")->required()->type_name("USER/NAME");
  verb.add_option("--hub-url", flags.url, "Address of the Hub [HF_ENDPOINT, else https://huggingface.co]")
      ->type_name("URL");
  verb.add_option("--kinds", flags.kinds, "Models: 15m, 1h, unified")->capture_default_str();
  add_symbols(verb, ctx);
}

Result<HubAccess> hub_access(const Context& ctx, const HubFlags& flags) {
  if (ctx.flags.offline) {
    return fail(ErrorCode::kInvalidArgument,
                "a Hugging Face repository needs the network and --offline forbids it; leave --offline out");
  }
  HubAccess access;
  access.repo = flags.repo;
  access.url = flags.url;
  if (const char* endpoint = std::getenv("HF_ENDPOINT"); access.url.empty() && endpoint != nullptr)
    access.url = endpoint;
  while (access.url.ends_with('/'))
    access.url.pop_back();
  MOP_TRY(check_access(access));
  MOP_TRY_ASSIGN(access.token, secret(ctx.fs, "HF_TOKEN"));
  return access;
}

Result<std::vector<ModelName>> selected_models(const Context& ctx, const HubFlags& flags) {
  MOP_TRY_ASSIGN(const auto symbols, ctx.symbols());
  MOP_TRY_ASSIGN(const auto kinds, parse_kinds(flags.kinds));
  std::vector<ModelName> names;
  for (const market::Symbol& symbol : symbols) {
    for (const train::Kind kind : kinds)
      names.push_back({std::string(symbol.name), kind});
  }
  return names;
}

void warn_of_uncertified(const Context& ctx, const std::vector<std::string>& marks) {
  std::map<std::string, std::size_t> models;
  for (const std::string& mark : marks)
    if (!mark.empty()) ++models[mark];
  for (const auto& [mark, count] : models)
    ctx.warn(
        fmt::format("{} of {} models {}; run `mop canaries` before `mop train`", count, marks.size(), mark));
}

}  // namespace mop::app
