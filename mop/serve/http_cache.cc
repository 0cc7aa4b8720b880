#include "mop/serve/http_cache.h"

#include <algorithm>
#include <charconv>

#include "mop/base/gzip.h"
#include "mop/base/sha256.h"

namespace mop::serve {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Takes the text before the next `separator` off `rest`.
std::string_view next_item(std::string_view& rest, char separator) {
  const std::string_view item = rest.substr(0, rest.find(separator));
  rest.remove_prefix(std::min(item.size() + 1, rest.size()));
  return trimmed(item);
}

double quality_of(std::string_view parameters) {
  while (!parameters.empty()) {
    std::string_view parameter = next_item(parameters, ';');
    if (!parameter.starts_with("q=")) continue;
    double q = 0.0;
    std::from_chars(parameter.data() + 2, parameter.data() + parameter.size(), q);
    return q;
  }
  return 1.0;
}

}  // namespace

Prepared prepare(HttpReply reply) {
  auto prepared = std::make_shared<PreparedReply>();
  prepared->reply = std::move(reply);
  const std::string& body = prepared->reply.body;
  if (prepared->reply.status == 200) prepared->etag = "W/\"" + sha256_hex(body).substr(0, 32) + "\"";
  if (body.size() >= kCompressFrom) prepared->gzip = gzipped(body);
  if (prepared->gzip.size() >= body.size()) prepared->gzip.clear();
  return prepared;
}

bool matches(std::string_view if_none_match, std::string_view etag) {
  if (etag.empty()) return false;
  const std::string_view opaque = etag.substr(2);  // without W/
  while (!if_none_match.empty()) {
    std::string_view tag = next_item(if_none_match, ',');
    if (tag == "*") return true;
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    if (tag == opaque) return true;
  }
  return false;
}

bool accepts_gzip(std::string_view accept_encoding) {
  while (!accept_encoding.empty()) {
    std::string_view item = next_item(accept_encoding, ',');
    const std::string_view coding = next_item(item, ';');
    if (coding == "gzip" || coding == "*") return quality_of(item) > 0.0;
  }
  return false;
}

void ReplyCache::follow(const std::shared_ptr<const Board>& board) {
  if (board_ == board) return;
  board_ = board;
  replies_.clear();
  bytes_ = 0;
}

Prepared ReplyCache::find(const std::shared_ptr<const Board>& board, const std::string& target) {
  follow(board);
  const auto found = replies_.find(target);
  return found == replies_.end() ? nullptr : found->second;
}

void ReplyCache::put(const std::shared_ptr<const Board>& board, const std::string& target, Prepared reply) {
  follow(board);
  const std::size_t size = target.size() + reply->reply.body.size() + reply->gzip.size();
  if (bytes_ + size > kMostBytes) {
    replies_.clear();
    bytes_ = 0;
  }
  bytes_ += size;
  replies_.insert_or_assign(target, std::move(reply));
}

}  // namespace mop::serve
