#include "mop/exchange/curl_transport.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace mop::exchange {
namespace {

// Binds the socket to a free port of loopback and returns the port.
std::uint16_t listen_on_loopback(int listener) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(bind(listener, any, size), 0);
  EXPECT_EQ(listen(listener, 16), 0);
  EXPECT_EQ(getsockname(listener, any, &size), 0);
  return ntohs(address.sin_port);
}

// A server on loopback that answers every request of a connection with the bytes the test decides on; no
// bytes means it hangs up.
class RawServer {
 public:
  using Answer = std::function<std::string(const std::string& request)>;

  explicit RawServer(Answer answer) : answer_(std::move(answer)), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    port_ = listen_on_loopback(listener_);
    thread_ = std::thread([this] { accept_loop(); });
  }
  ~RawServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  std::string url(const std::string& path = "/") const {
    return fmt::format("http://127.0.0.1:{}{}", port_, path);
  }
  int connections() const { return connections_; }

 private:
  void accept_loop() {
    std::vector<std::thread> sessions;
    for (int fd = accept(listener_, nullptr, nullptr); fd >= 0; fd = accept(listener_, nullptr, nullptr)) {
      ++connections_;
      sessions.emplace_back([this, fd] { session(fd); });
    }
    for (auto& s : sessions)
      s.join();
  }
  void session(int fd) {
    std::string request;
    std::array<char, 4096> buffer{};
    for (ssize_t n = recv(fd, buffer.data(), buffer.size(), 0); n > 0;
         n = recv(fd, buffer.data(), buffer.size(), 0)) {
      request.append(buffer.data(), static_cast<std::size_t>(n));
      if (request.find("\r\n\r\n") == std::string::npos) continue;
      const std::string reply = answer_(request);
      request.clear();
      if (reply.empty()) break;
      send(fd, reply.data(), reply.size(), MSG_NOSIGNAL);
      if (reply.find("Connection: close") != std::string::npos) break;
    }
    close(fd);
  }

  Answer answer_;
  int listener_;
  int port_ = 0;
  std::atomic<int> connections_{0};
  std::thread thread_;
};

std::string http(const std::string& body, const std::string& headers = "", int status = 200) {
  return fmt::format("HTTP/1.1 {} X\r\n{}Content-Length: {}\r\n\r\n{}", status, headers, body.size(), body);
}

TEST(CurlTransportTest, BringsStatusHeadersAndBody) {
  std::string seen;
  RawServer server([&](const std::string& request) {
    seen = request;
    return http("{\"a\":1}", "X-MBX-USED-WEIGHT-1M:  70 \r\nRetry-After: 7\r\n", 429);
  });
  CurlTransport transport;
  const auto reply = transport.get({server.url("/api/v3/time?x=1"), kSecond * 5});
  ASSERT_TRUE(reply.has_value()) << reply.error().message;
  EXPECT_EQ(reply->status, 429);
  EXPECT_EQ(reply->body, "{\"a\":1}");
  EXPECT_EQ(reply->header("x-mbx-used-weight-1m"), "70");
  EXPECT_EQ(reply->header("retry-after"), "7");
  EXPECT_EQ(reply->header("absent"), "");
  EXPECT_TRUE(seen.starts_with("GET /api/v3/time?x=1 HTTP/1.1\r\n")) << seen;
  EXPECT_NE(seen.find("User-Agent: mop/"), std::string::npos) << seen;
  EXPECT_NE(seen.find("Accept-Encoding: gzip"), std::string::npos) << seen;
}

TEST(CurlTransportTest, KeepsTheConnection) {
  RawServer server([](const std::string&) { return http("[]"); });
  CurlTransport transport;
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(transport.get({server.url(), kSecond * 5}).has_value());
  EXPECT_EQ(server.connections(), 1);
}

TEST(CurlTransportTest, ServesManyThreadsAtOnce) {
  RawServer server([](const std::string& request) { return http(request.substr(0, request.find("\r\n"))); });
  CurlTransport transport;
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const std::string path = fmt::format("/{}/{}", t, i);
        const auto reply = transport.get({server.url(path), kSecond * 10});
        right += reply && reply->body == "GET " + path + " HTTP/1.1" ? 1 : 0;
      }
    });
  }
  for (auto& t : threads)
    t.join();
  EXPECT_EQ(right, 160);
  EXPECT_LE(server.connections(), 8);
}

TEST(CurlTransportTest, UnpacksGzip) {
  // printf '{"gzip":true}' | gzip -n
  constexpr std::array<unsigned char, 33> kPacked{
      0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0xab, 0x56, 0x4a, 0xaf, 0xca, 0x2c, 0x50,
      0xb2, 0x2a, 0x29, 0x2a, 0x4d, 0xad, 0x05, 0x00, 0xf9, 0xea, 0xf4, 0x36, 0x0d, 0x00, 0x00, 0x00};
  RawServer server([&](const std::string&) {
    return http(std::string(kPacked.begin(), kPacked.end()), "Content-Encoding: gzip\r\n");
  });
  CurlTransport transport;
  const auto reply = transport.get({server.url(), kSecond * 5});
  ASSERT_TRUE(reply.has_value()) << reply.error().message;
  EXPECT_EQ(reply->body, "{\"gzip\":true}");
}

TEST(CurlTransportTest, ACutOffBodyIsUnavailable) {
  RawServer server([](const std::string&) {
    return std::string("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\n[[1,");
  });
  CurlTransport transport;
  const auto reply = transport.get({server.url(), kSecond * 5});
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().code, ErrorCode::kUnavailable);
}

TEST(CurlTransportTest, NoAnswerIsUnavailable) {
  RawServer hangs_up([](const std::string&) { return std::string(); });
  CurlTransport transport;
  EXPECT_EQ(transport.get({hangs_up.url(), kSecond * 5}).error().code, ErrorCode::kUnavailable);
  std::string gone;
  {
    RawServer closed([](const std::string&) { return std::string(); });
    gone = closed.url();
  }
  const auto reply = transport.get({gone, kSecond * 5});
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(reply.error().message.find("127.0.0.1"), std::string::npos);
}

TEST(CurlTransportTest, ASlowServerTimesOut) {
  RawServer server(
      [](const std::string&) { return std::string("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"); });
  CurlTransport transport;
  const auto reply = transport.get({server.url(), 100});
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().code, ErrorCode::kUnavailable);
}

TEST(CurlTransportTest, AnOversizedBodyIsCutAtTheLimit) {
  RawServer server(
      [](const std::string&) { return http(std::string(3u << 20, 'x'), "Connection: close\r\n"); });
  CurlOptions options;
  options.max_body_bytes = 1u << 20;
  CurlTransport transport(options);
  const auto reply = transport.get({server.url(), kSecond * 10});
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().code, ErrorCode::kIo);
  EXPECT_NE(reply.error().message.find("1 MB"), std::string::npos) << reply.error().message;
}

TEST(CurlTransportTest, FollowsNoRedirectToPlainHttp) {
  RawServer target([](const std::string&) { return http("secret"); });
  RawServer server([&](const std::string&) {
    return http("", fmt::format("Location: {}\r\nConnection: close\r\n", target.url()), 302);
  });
  CurlTransport transport;
  const auto reply = transport.get({server.url(), kSecond * 5});
  EXPECT_FALSE(reply.has_value() && reply->body == "secret");
  EXPECT_EQ(target.connections(), 0);
}

TEST(CurlTransportTest, GoesThroughTheProxyOfTheUsualVariableButNotToThisMachine) {
  std::string seen;
  RawServer proxy([&](const std::string& request) {
    seen = request;
    return http("", "Connection: close\r\n", 403);
  });
  ::setenv("HTTPS_PROXY", proxy.url().c_str(), 1);
  ::setenv("http_proxy", proxy.url().c_str(), 1);
  RawServer here([](const std::string&) { return http("[]"); });
  CurlTransport transport;
  EXPECT_FALSE(transport.get({"https://exchange.invalid/api/v3/time", kSecond * 5}).has_value());
  EXPECT_TRUE(seen.starts_with("CONNECT exchange.invalid:443 ")) << seen;
  EXPECT_TRUE(transport.get({here.url(), kSecond * 5}).has_value());
  EXPECT_EQ(proxy.connections(), 1);
  ::unsetenv("HTTPS_PROXY");
  ::unsetenv("http_proxy");
}

// Says "[]" to one client, over TLS with a certificate for 127.0.0.1 that it signed itself.
class SelfSignedServer {
 public:
  SelfSignedServer() : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    const auto* name = reinterpret_cast<const unsigned char*>("127.0.0.1");
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC, name, -1, -1, 0);
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
    EXPECT_GT(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0);
    EXPECT_EQ(SSL_CTX_use_certificate(context_.get(), certificate.get()), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey(context_.get(), key.get()), 1);
    url = fmt::format("https://127.0.0.1:{}/", listen_on_loopback(listener_));
    thread_ = std::thread([this] { serve(accept(listener_, nullptr, nullptr)); });
  }
  ~SelfSignedServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  SelfSignedServer(const SelfSignedServer&) = delete;
  SelfSignedServer& operator=(const SelfSignedServer&) = delete;

  std::string url;

 private:
  void serve(int fd) {
    if (fd < 0) return;
    const std::unique_ptr<SSL, decltype(&SSL_free)> tls(SSL_new(context_.get()), SSL_free);
    SSL_set_fd(tls.get(), fd);
    std::array<char, 4096> request{};
    if (SSL_accept(tls.get()) == 1 && SSL_read(tls.get(), request.data(), request.size()) > 0) {
      const std::string reply = http("[]", "Connection: close\r\n");
      SSL_write(tls.get(), reply.data(), static_cast<int>(reply.size()));
    }
    close(fd);
  }

  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  int listener_ = socket(AF_INET, SOCK_STREAM, 0);
  std::thread thread_;
};

TEST(CurlTransportTest, ACertificateThatNobodyVouchesForIsRefusedAtOnce) {
  const SelfSignedServer server;
  CurlTransport transport;
  const auto reply = transport.get({server.url, kSecond * 5});
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().code, ErrorCode::kIo) << "no repetition mends it: " << reply.error().message;
  EXPECT_NE(reply.error().message.find("certificate"), std::string::npos) << reply.error().message;
}

TEST(CurlTransportTest, RefusesOtherProtocolsAndBadUrls) {
  CurlTransport transport;
  for (const char* url : {"file:///etc/hostname", "ftp://127.0.0.1/", "http://", "no url at all"}) {
    const auto reply = transport.get({url, kSecond});
    ASSERT_FALSE(reply.has_value()) << url;
  }
  EXPECT_EQ(transport.get({"file:///etc/hostname", kSecond}).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace mop::exchange
