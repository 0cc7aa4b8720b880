// What the API is asked and what it answers, without the sockets.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mop::serve {

/// What matters of a request's head. Absent headers are empty. The text must outlive it.
struct HttpRequest {
  std::string_view method, target;
  std::string_view host, authorization, if_none_match, accept_encoding, last_event_id;
};

struct HttpReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // besides those every reply has
  bool page = false;                                         // of the dashboard: its own scripts may run
};

/// {"error":{"code","message"}}. `code` is for programs ("not_found"), `message` one sentence for people.
HttpReply failure(int status, std::string_view code, std::string_view message);

/// Text of a client fit for a message: what is not printable ASCII becomes '?', at most 80 characters.
std::string shown(std::string_view text);

/// "Not Found" for 404; empty for a status MOP never sends.
std::string_view reason_phrase(int status);

}  // namespace mop::serve
