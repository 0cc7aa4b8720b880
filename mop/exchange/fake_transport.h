// Transports for tests: no network, every reply decided by the test.
#pragma once
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "mop/exchange/transport.h"

namespace mop::exchange {

/// Answers each request with what `answer` returns for (url, number of the request from 0) and keeps the
/// URLs.
class FakeTransport final : public Transport {
 public:
  using Answer = std::function<Result<HttpReply>(const std::string& url, std::size_t number)>;
  explicit FakeTransport(Answer answer) : answer_(std::move(answer)) {}

  Result<HttpReply> get(const HttpRequest& request) override {
    const std::lock_guard lock(mutex_);
    urls_.push_back(request.url);
    return answer_(request.url, urls_.size() - 1);
  }
  const std::vector<std::string>& urls() const { return urls_; }

 private:
  std::mutex mutex_;
  Answer answer_;
  std::vector<std::string> urls_;
};

/// Gives the replies in their order, then the last one again and again.
inline FakeTransport::Answer scripted(std::vector<Result<HttpReply>> replies) {
  return [replies = std::move(replies)](const std::string&, std::size_t number) {
    return replies[number < replies.size() ? number : replies.size() - 1];
  };
}

}  // namespace mop::exchange
