#pragma once
#include <cstddef>
#include <memory>
#include <string>

#include "mop/exchange/transport.h"

namespace mop::exchange {

struct CurlOptions {
  DurationMillis connect_timeout_ms = 10 * kSecond;
  std::size_t max_body_bytes = 64u << 20;  // of the decoded body
  std::string user_agent;                  // "" means mop/<version>
};

/// Transport over libcurl: certificates are verified, the usual proxy variables hold (never for loopback),
/// gzip is accepted, connections are kept alive, redirects are followed to https only (at most 5).
/// Each call borrows one connection handle from a pool, so as many run at a time as there are callers.
class CurlTransport final : public Transport {
 public:
  explicit CurlTransport(CurlOptions options = {});
  ~CurlTransport() override;
  CurlTransport(const CurlTransport&) = delete;
  CurlTransport& operator=(const CurlTransport&) = delete;

  Result<HttpReply> get(const HttpRequest& request) override;

 private:
  class Pool;
  CurlOptions options_;
  std::unique_ptr<Pool> pool_;
};

}  // namespace mop::exchange
