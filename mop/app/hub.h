// Models to and from a Hugging Face repository, by its official client in a Node.js process
// (edges/huggingface/hub.mjs, which describes the lines).
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/result.h"
#include "mop/base/time.h"

namespace mop::app {

struct HubAccess {
  std::string repo;           // "user/name"
  std::string url;            // "" is https://huggingface.co
  std::string token;          // "" reads what is public. Never log it
  std::string node = "node";  // looked up in PATH
  std::string script;         // hub.mjs; "" searches: find_edge()
  DurationMillis silence =
      7 * kMinute;  // without a line for this long it is given up; the Hub may ask for five
};

/// Errors: kInvalidArgument when `repo` is no name of the Hub's, or a token would travel unencrypted.
Result<void> check_access(const HubAccess& access);

struct HubFile {
  std::string path;   // in the repository
  std::string local;  // absolute
  std::size_t bytes = 0;
  std::string sha256;
};

struct HubUpload {
  std::string title;
  std::vector<HubFile> files;
  std::map<std::string, std::string> texts;  // path -> content
  bool is_private = true;                    // when the repository is made
  bool dry_run = false;
};

/// Paths that are different from, the same as, or not in the repository.
struct HubOutcome {
  std::string commit, url;  // "": there is no such repository yet
  std::vector<std::string> changed, unchanged, missing;
};

/// Puts everything that differs into one commit, with a progress line unless `quiet`. Errors:
/// kInvalidArgument, kRefused (token), kNotFound, kRateLimited, kUnavailable, kUnsupported (no node or
/// client; the remedy is named), kCorrupt, kInterrupted.
Result<HubOutcome> publish(const HubAccess& access, const HubUpload& upload, bool quiet);

struct HubDownload {
  std::string revision = "main";
  std::vector<std::string> names;
  std::map<std::string, std::string> have;  // name -> SHA-256 of what need not come again
  std::string directory;                    // where files are put
};

/// A file that is complete in the directory, with the SHA-256 that the repository promised.
using OnPulled = std::function<Result<void>(const std::string& name, const std::string& sha256)>;

/// Everything from one commit. Errors: those of publish() and of `sink`.
Result<HubOutcome> pull(const HubAccess& access, const HubDownload& download, const OnPulled& sink,
                        bool quiet);

/// One line of the edge's.
struct HubLine {
  enum class Kind { kProgress, kWaiting, kPulled, kDone };
  Kind kind = Kind::kProgress;
  std::size_t done = 0, of = 0;  // of kProgress
  std::string text, sha256;      // what; why; path
  HubOutcome outcome;
};
/// Errors: kCorrupt; the edge's own errors with their code.
Result<HubLine> parse_hub_line(std::string_view line);

}  // namespace mop::app
