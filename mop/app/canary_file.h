// <models-dir>/canaries.json: what `mop canaries` found about a profile (docs/formats/canaries.md).
#pragma once
#include <string>
#include <vector>

#include "mop/app/command.h"
#include "mop/train/model.h"

namespace mop::app {

std::string canary_file_path(const std::string& models_dir);

/// The canaries of synthetic markets for models of this profile. None, with a warning where the file is of
/// another program, profile or cannot be read, when they were not run.
std::vector<train::Canary> stored_canaries(const Context& ctx, const std::string& models_dir,
                                           const train::Profile& profile);

}  // namespace mop::app
