// What `mop publish` and `mop pull` share: which repository, which models.
#pragma once
#include <string>
#include <vector>

#include "mop/app/command.h"
#include "mop/app/hub.h"
#include "mop/train/model.h"

namespace mop::app {

struct HubFlags {
  std::string repo, url;
  std::string kinds = "15m,1h,unified";
};

/// --repo, --hub-url, --kinds and the selectors of coins.
void add_hub_flags(CLI::App& verb, Context& ctx, HubFlags& flags);

/// With the token of HF_TOKEN; the address is --hub-url, else HF_ENDPOINT, else the Hub's own. Errors: as
/// check_access() and secret(); kInvalidArgument with --offline.
Result<HubAccess> hub_access(const Context& ctx, const HubFlags& flags);

struct ModelName {
  std::string symbol;
  train::Kind kind = train::Kind::k1h;

  std::string file() const { return train::model_id(symbol, kind) + ".safetensors"; }
};
/// The selected coins' models of the selected kinds, whether they are there or not. Errors: kInvalidArgument.
Result<std::vector<ModelName>> selected_models(const Context& ctx, const HubFlags& flags);

/// One warning for all models with the same mark (evaluate/certificate.h); "" is none.
void warn_of_uncertified(const Context& ctx, const std::vector<std::string>& marks);

}  // namespace mop::app
