#include "mop/serve/http_access.h"

#include <charconv>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <boost/asio/ip/address.hpp>

#include "mop/base/sha256.h"

namespace mop::serve {
namespace {

std::optional<HttpReply> unauthorized(std::string_view message) {
  HttpReply reply = failure(401, "unauthorized", message);
  reply.headers.emplace_back("WWW-Authenticate", "Bearer");
  return reply;
}

// A host name or address with an optional port.
bool names_this_machine(std::string_view host) {
  if (host.starts_with("[::1]")) {
    host.remove_prefix(5);
  } else {
    for (const std::string_view name : {"localhost", "127.0.0.1"}) {
      if (!host.starts_with(name)) continue;
      host.remove_prefix(name.size());
      return host.empty() || host.front() == ':';
    }
    return false;
  }
  return host.empty() || host.front() == ':';
}

}  // namespace

bool ListenAddress::loopback() const {
  boost::system::error_code error;
  return boost::asio::ip::make_address(host, error).is_loopback() && !error;
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
  const auto refused = [&] {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("the address to listen on must be an IP address and a port, e.g. 127.0.0.1:8080 or "
                    "[::1]:8080, was '{}'",
                    text));
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refused();
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  if (host == "localhost") host = "127.0.0.1";
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  ListenAddress address{std::string(host), 0};
  boost::system::error_code error;
  const auto ip = boost::asio::ip::make_address(address.host, error);
  const auto [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (error || ip.is_v6() != bracketed || wrong != std::errc() || end != digits.data() + digits.size())
    return refused();
  return address;
}

Result<HttpAccess> HttpAccess::make(const ListenAddress& address, std::string_view token) {
  if (token.empty() && !address.loopback()) {
    return fail(
        ErrorCode::kRefused,
        fmt::format("listening on {} reaches beyond this machine and needs a token: set MOP_API_TOKEN, or "
                    "listen on 127.0.0.1",
                    address.host));
  }
  if (!token.empty() && token.size() < kMinTokenLength) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("MOP_API_TOKEN must have at least {} characters, has {}; `openssl rand -hex 32` "
                            "makes a good one",
                            kMinTokenLength, token.size()));
  }
  HttpAccess access;
  access.check_host_ = token.empty();
  if (!token.empty()) access.token_hash_ = sha256_hex(fmt::format("Bearer {}", token));
  return access;
}

bool HttpAccess::right_token(std::string_view authorization) const {
  const std::string given = sha256_hex(authorization);  // of one length, whatever was given
  return CRYPTO_memcmp(given.data(), token_hash_.data(), given.size()) == 0;
}

std::optional<HttpReply> HttpAccess::refusal(const HttpRequest& request, bool open, bool writes) const {
  if (check_host_ && !names_this_machine(request.host)) {
    return failure(
        request.host.empty() ? 400 : 421, request.host.empty() ? "bad_request" : "wrong_host",
        fmt::format("the Host header must be localhost, 127.0.0.1 or [::1], was '{}'; to serve other "
                    "names set MOP_API_TOKEN",
                    shown(request.host)));
  }
  if (token_hash_.empty()) {
    if (!writes) return std::nullopt;
    return failure(403, "no_token_set", "what changes something needs a token; start with MOP_API_TOKEN set");
  }
  if (open) return std::nullopt;
  if (request.authorization.empty())
    return unauthorized("a token is needed; send the header `Authorization: Bearer <MOP_API_TOKEN>`");
  if (!right_token(request.authorization))
    return unauthorized("the token is wrong; send `Authorization: Bearer <MOP_API_TOKEN>`");
  return std::nullopt;
}

}  // namespace mop::serve
