// Who may ask: this machine without a token, everybody else with one.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mop/base/result.h"
#include "mop/serve/http_message.h"

namespace mop::serve {

struct ListenAddress {
  std::string host;  // an IP address without brackets
  std::uint16_t port = 0;

  bool loopback() const;
};
/// "127.0.0.1:8080", "[::1]:8080", "localhost:8080". Errors: kInvalidArgument naming the text and the form.
Result<ListenAddress> parse_listen_address(std::string_view text);

/// Shortest MOP_API_TOKEN that is accepted.
inline constexpr std::size_t kMinTokenLength = 16;

class HttpAccess {
 public:
  /// `token` may be empty on loopback only. Errors: kRefused for another address without a token,
  /// kInvalidArgument for a token that is too short.
  static Result<HttpAccess> make(const ListenAddress& address, std::string_view token);

  /// The refusal, if there is one. Without a token the Host header must name this machine, so that a web page
  /// whose name was pointed at 127.0.0.1 cannot read; with one the token must be right (compared in constant
  /// time) but for `open` routes. `writes`: the route changes something and always needs a token.
  std::optional<HttpReply> refusal(const HttpRequest& request, bool open, bool writes) const;

 private:
  bool right_token(std::string_view authorization) const;

  bool check_host_ = true;
  std::string token_hash_;  // SHA-256 of "Bearer <token>"; empty: none is set
};

}  // namespace mop::serve
