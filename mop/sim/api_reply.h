#pragma once
#include <map>
#include <string>

namespace mop::sim {

/// One HTTP answer. The content type is JSON unless the headers name another.
struct ApiReply {
  int status = 200;
  std::map<std::string, std::string> headers;
  std::string body;
};

}  // namespace mop::sim
