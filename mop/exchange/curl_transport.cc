#include "mop/exchange/curl_transport.h"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <mutex>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "mop/base/build_info.h"
#include "mop/base/check.h"
#include "mop/base/interrupt.h"
#include "mop/exchange/hosts.h"

namespace mop::exchange {
namespace {

struct CurlDelete {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using Handle = std::unique_ptr<CURL, CurlDelete>;

struct Receiving {
  HttpReply reply;
  std::size_t max_body_bytes;
  bool too_large = false;
};

std::string_view trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  return text;
}

extern "C" {

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& receiving = *static_cast<Receiving*>(user);
  if (receiving.reply.body.size() + size * count > receiving.max_body_bytes) {
    receiving.too_large = true;
    return 0;  // tells curl to stop
  }
  receiving.reply.body.append(data, size * count);
  return size * count;
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& reply = static_cast<Receiving*>(user)->reply;
  const std::string_view line(data, size * count);
  const std::size_t colon = line.find(':');
  if (line.starts_with("HTTP/")) {
    reply.headers.clear();  // a new header block: after a redirect or a 100 only the last one counts
  } else if (colon != std::string_view::npos) {
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    reply.headers[std::move(name)] = trim(line.substr(colon + 1));
  }
  return size * count;
}

int on_progress(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return interrupted() ? 1 : 0;
}

}  // extern "C"

// The part of a URL that may be shown: no query, no user information.
std::string host_of(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t from = scheme == std::string::npos ? 0 : scheme + 3;
  std::string host = url.substr(from, url.find_first_of("/?#", from) - from);
  return host.substr(host.find('@') == std::string::npos ? 0 : host.find('@') + 1);
}

ErrorCode code_of(CURLcode code) {
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return ErrorCode::kInvalidArgument;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_TOO_MANY_REDIRECTS:
      return ErrorCode::kIo;
    case CURLE_ABORTED_BY_CALLBACK:
      return ErrorCode::kInterrupted;
    default:
      return ErrorCode::kUnavailable;
  }
}

void set_options(CURL* c, const HttpRequest& request, const CurlOptions& options, Receiving& receiving) {
  curl_easy_setopt(c, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(c, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "https");
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);  // signals and threads do not mix
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout_ms));
  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
  curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);  // or a timeout waits for a name server that is silent
  curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "gzip");
  curl_easy_setopt(c, CURLOPT_USERAGENT, options.user_agent.c_str());
  curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, &receiving);
  curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(c, CURLOPT_HEADERDATA, &receiving);
  curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
  if (is_loopback(request.url)) curl_easy_setopt(c, CURLOPT_PROXY, "");
}

}  // namespace

class CurlTransport::Pool {
 public:
  Handle borrow() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return Handle(curl_easy_init());
    Handle handle = std::move(idle_.back());
    idle_.pop_back();
    return handle;
  }
  void give_back(Handle handle) {
    curl_easy_reset(handle.get());  // forgets the options, keeps connections and DNS answers
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(handle));
  }

 private:
  std::mutex mutex_;
  std::vector<Handle> idle_;
};

CurlTransport::CurlTransport(CurlOptions options)
    : options_(std::move(options)), pool_(std::make_unique<Pool>()) {
  static const CURLcode started =
      curl_global_init(CURL_GLOBAL_DEFAULT);  // once per process, thread-safe here
  MOP_CHECK(started == CURLE_OK) << "libcurl did not start: " << curl_easy_strerror(started);
  if (options_.user_agent.empty()) options_.user_agent = fmt::format("mop/{}", build_info().version);
}

CurlTransport::~CurlTransport() = default;

Result<HttpReply> CurlTransport::get(const HttpRequest& request) {
  Handle handle = pool_->borrow();
  MOP_CHECK(handle != nullptr) << "libcurl gave no handle";
  Receiving receiving{{}, options_.max_body_bytes};
  char reason[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(handle.get(), CURLOPT_ERRORBUFFER, reason);
  set_options(handle.get(), request, options_, receiving);
  const CURLcode code = curl_easy_perform(handle.get());
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  pool_->give_back(std::move(handle));
  if (receiving.too_large) {
    return fail(ErrorCode::kIo, fmt::format("reply of {} must be at most {} MB, was more",
                                            host_of(request.url), options_.max_body_bytes >> 20));
  }
  if (code != CURLE_OK) {
    return fail(code_of(code), fmt::format("{} could not be asked: {}", host_of(request.url),
                                           reason[0] != '\0' ? reason : curl_easy_strerror(code)));
  }
  receiving.reply.status = static_cast<int>(status);
  return std::move(receiving.reply);
}

}  // namespace mop::exchange
