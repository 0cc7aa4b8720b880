#include "mop/app/hub.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/base/line_process.h"
#include "mop/base/log.h"
#include "mop/base/progress.h"
#include "mop/exchange/hosts.h"

namespace mop::app {
namespace {

namespace bj = boost::json;

constexpr const char* kEdge = "the talk with Hugging Face";

tl::unexpected<Error> bad(std::string_view why) {
  return fail(ErrorCode::kCorrupt, fmt::format("{} sent a wrong line: {}", kEdge, why));
}

std::vector<std::string> texts_of(const bj::object& object, std::string_view key) {
  std::vector<std::string> texts;
  const bj::value* v = object.if_contains(key);
  if (v == nullptr || !v->is_array()) return texts;
  for (const bj::value& text : v->get_array())
    if (text.is_string()) texts.emplace_back(text.get_string());
  return texts;
}

bool is_name(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  const auto edge = [](char c) { return c == '-' || c == '.'; };
  return !text.empty() && text.size() <= 96 && std::ranges::all_of(text, allowed) && !edge(text.front()) &&
         !edge(text.back()) && text.find("--") == std::string_view::npos &&
         text.find("..") == std::string_view::npos && !text.ends_with(".git");
}

// The edge is told the token on its standard input: a command line or an environment others could read.
struct Talk {
  const char* what;  // "publishing"
  bool quiet;
  const OnPulled& sink;
};
Result<HubOutcome> ask(const HubAccess& access, bj::object request, const Talk& talk) {
  MOP_TRY(check_access(access));
  std::string script = access.script;
  if (script.empty()) {
    MOP_TRY_ASSIGN(script, find_edge("huggingface/hub.mjs"));
  }
  request["repo"] = access.repo;
  request["url"] = access.url;
  request["token"] = access.token;
  MOP_TRY_ASSIGN(LineProcess edge, LineProcess::start(access.node, script, kEdge));
  edge.send(to_json_text(request) + "\n");
  std::optional<Progress> progress;  // how much there is to do the edge finds out
  while (true) {
    MOP_TRY_ASSIGN(const std::string text, edge.line(access.silence));
    MOP_TRY_ASSIGN(const HubLine line, parse_hub_line(text));
    switch (line.kind) {
      case HubLine::Kind::kProgress:
        if (!progress) progress.emplace(talk.what, line.of, talk.quiet);
        progress->update(line.done, line.text);
        break;
      case HubLine::Kind::kWaiting:
        log_info(line.text);
        if (!talk.quiet) fmt::print(stderr, "{}\n", line.text);
        break;
      case HubLine::Kind::kPulled:
        MOP_TRY(talk.sink(line.text, line.sha256));
        break;
      case HubLine::Kind::kDone:
        return line.outcome;
    }
  }
}

}  // namespace

Result<void> check_access(const HubAccess& access) {
  const std::size_t slash = access.repo.find('/');
  if (slash == std::string::npos || !is_name(access.repo.substr(0, slash)) ||
      !is_name(access.repo.substr(slash + 1))) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("--repo must be user/name, each of 1 to 96 letters, digits, '.', '_' or '-' and "
                    "neither ending in '.git' nor with '-' or '.' at an end or twice in a row, was {}",
                    access.repo.empty() ? "empty" : access.repo));
  }
  if (!access.url.empty() && !exchange::may_carry_secrets(access.url)) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("--hub-url must begin with https:// (http:// only on this machine), was {}", access.url));
  }
  return {};
}

Result<HubLine> parse_hub_line(std::string_view text) {
  MOP_TRY_ASSIGN(const bj::object object, parse_edge_line(text, kEdge));
  HubLine line;
  if (const bj::object* progress = object_member(object, "progress")) {
    for (const auto& [key, number] : {std::pair{"done", &line.done}, std::pair{"of", &line.of}}) {
      const bj::value* v = progress->if_contains(key);
      if (v == nullptr || !v->is_int64() || v->get_int64() < 0) return bad("progress without its numbers");
      *number = static_cast<std::size_t>(v->get_int64());
    }
    line.text = text_member(*progress, "what");
  } else if (const bj::object* waiting = object_member(object, "waiting")) {
    const bj::value* seconds = waiting->if_contains("seconds");
    if (seconds == nullptr || !seconds->is_int64()) return bad("waiting without a number of seconds");
    line.kind = HubLine::Kind::kWaiting;
    line.text = fmt::format("{}; asking again in {} s", text_member(*waiting, "why"), seconds->get_int64());
  } else if (const bj::object* pulled = object_member(object, "pulled")) {
    line.kind = HubLine::Kind::kPulled;
    line.text = text_member(*pulled, "path");
    line.sha256 = text_member(*pulled, "sha256");
    if (line.text.empty() || line.sha256.size() != 64) return bad("pulled without a path and its hash");
  } else if (const bj::object* done = object_member(object, "done")) {
    line.kind = HubLine::Kind::kDone;
    line.outcome = {text_member(*done, "commit"), text_member(*done, "url"), texts_of(*done, "changed"),
                    texts_of(*done, "unchanged"), texts_of(*done, "missing")};
  } else {
    return bad("it must have progress, waiting, pulled, done or error");
  }
  return line;
}

Result<HubOutcome> publish(const HubAccess& access, const HubUpload& upload, bool quiet) {
  bj::array files, texts;
  for (const HubFile& file : upload.files) {
    files.push_back(
        {{"path", file.path}, {"local", file.local}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  for (const auto& [path, content] : upload.texts)
    texts.push_back({{"path", path}, {"text", content}});
  bj::object request{{"do", "publish"},           {"branch", "main"},
                     {"title", upload.title},     {"private", upload.is_private},
                     {"dry_run", upload.dry_run}, {"files", std::move(files)},
                     {"texts", std::move(texts)}};
  const OnPulled nothing = [](const std::string&, const std::string&) -> Result<void> {
    return bad("pulled, when it was asked to publish");
  };
  return ask(access, std::move(request), {"publishing", quiet, nothing});
}

Result<HubOutcome> pull(const HubAccess& access, const HubDownload& download, const OnPulled& sink,
                        bool quiet) {
  bj::array names;
  for (const std::string& name : download.names)
    names.emplace_back(name);
  bj::object have;
  for (const auto& [name, sha256] : download.have)
    have[name] = sha256;
  bj::object request{{"do", "pull"},
                     {"revision", download.revision},
                     {"names", std::move(names)},
                     {"have", std::move(have)},
                     {"directory", download.directory}};
  return ask(access, std::move(request), {"pulling", quiet, sink});
}

}  // namespace mop::app
