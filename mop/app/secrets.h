#pragma once
#include <string>
#include <string_view>

#include "mop/base/fs.h"
#include "mop/base/result.h"

namespace mop::app {

/// A secret by its name, "MOP_API_TOKEN": from the environment, else from a line NAME=value of the file
/// `.env` in the working directory (quotes around the value are dropped, # begins a comment line). Empty when
/// neither has it. Errors: kIo when .env is there and cannot be read. Never log what it returns.
Result<std::string> secret(Fs& fs, std::string_view name);

}  // namespace mop::app
