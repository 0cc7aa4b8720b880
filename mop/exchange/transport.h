// The network seam: everything MOP asks of an exchange goes through a Transport, so tests script replies.
#pragma once
#include <map>
#include <string>

#include "mop/base/result.h"
#include "mop/base/time.h"

namespace mop::exchange {

struct HttpRequest {
  std::string url;                           // absolute, http or https
  DurationMillis timeout_ms = 20 * kSecond;  // for the whole exchange, connecting included
};

struct HttpReply {
  int status = 0;                              // 100..599
  std::map<std::string, std::string> headers;  // names in lower case; of a repeated one the last wins
  std::string body;                            // decoded (no gzip left)

  /// The header's value, "" when absent. `name` in lower case.
  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
};

class Transport {
 public:
  virtual ~Transport() = default;
  /// One GET. Any complete reply is a success, whatever its status. Errors: kUnavailable when trying again
  /// may help (no connection, timeout, body cut off); kIo when it will not (certificate not trusted, body
  /// over the limit); kInvalidArgument for a URL that is none; kInterrupted. Safe to call from several
  /// threads.
  virtual Result<HttpReply> get(const HttpRequest& request) = 0;
};

}  // namespace mop::exchange
