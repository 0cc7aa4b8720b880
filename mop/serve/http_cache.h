// Replies ready to be sent: with their tag and compressed form, kept as long as what they tell is true.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "mop/serve/board.h"
#include "mop/serve/http_message.h"

namespace mop::serve {

struct PreparedReply {
  HttpReply reply;
  std::string etag;  // a weak one, the same for both forms; empty for failures
  std::string gzip;  // the body compressed; empty when that does not pay
};
using Prepared = std::shared_ptr<const PreparedReply>;

/// Bodies from this size on are compressed.
inline constexpr std::size_t kCompressFrom = 1024;

Prepared prepare(HttpReply reply);

/// If-None-Match names the tag: a list of tags, or *.
bool matches(std::string_view if_none_match, std::string_view etag);
/// Accept-Encoding takes gzip: it is named, or *, and its q is not 0.
bool accepts_gzip(std::string_view accept_encoding);

/// Replies that are functions of a board and a request target. One thread at a time.
class ReplyCache {
 public:
  /// None when it is not there, or was made of another board.
  Prepared find(const std::shared_ptr<const Board>& board, const std::string& target);
  void put(const std::shared_ptr<const Board>& board, const std::string& target, Prepared reply);
  static constexpr std::size_t kMostBytes = 16 << 20;

 private:
  void follow(const std::shared_ptr<const Board>& board);

  std::shared_ptr<const Board> board_;  // held, so that its address means this one
  std::unordered_map<std::string, Prepared> replies_;
  std::size_t bytes_ = 0;
};

}  // namespace mop::serve
