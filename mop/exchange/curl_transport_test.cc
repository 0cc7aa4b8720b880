#include "mop/exchange/curl_transport.h"

#include <array>
#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mop/exchange/loopback_server.h"

namespace mop::exchange {
namespace {

TEST(CurlTransportTest, BringsStatusHeadersAndBody) {
  std::string seen;
  LoopbackServer server([&](const std::string& request) {
    seen = request;
    return http_answer("{\"a\":1}", "X-MBX-USED-WEIGHT-1M:  70 \r\nRetry-After: 7\r\n", 429);
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
  LoopbackServer server([](const std::string&) { return http_answer("[]"); });
  CurlTransport transport;
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(transport.get({server.url(), kSecond * 5}).has_value());
  EXPECT_EQ(server.connections(), 1);
}

TEST(CurlTransportTest, ServesManyThreadsAtOnce) {
  LoopbackServer server(
      [](const std::string& request) { return http_answer(request.substr(0, request.find("\r\n"))); });
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
  LoopbackServer server([&](const std::string&) {
    return http_answer(std::string(kPacked.begin(), kPacked.end()), "Content-Encoding: gzip\r\n");
  });
  CurlTransport transport;
  const auto reply = transport.get({server.url(), kSecond * 5});
  ASSERT_TRUE(reply.has_value()) << reply.error().message;
  EXPECT_EQ(reply->body, "{\"gzip\":true}");
}

TEST(CurlTransportTest, ACutOffBodyIsUnavailable) {
  LoopbackServer server([](const std::string&) {
    return std::string("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\n[[1,");
  });
  CurlTransport transport;
  const auto reply = transport.get({server.url(), kSecond * 5});
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().code, ErrorCode::kUnavailable);
}

TEST(CurlTransportTest, NoAnswerIsUnavailable) {
  LoopbackServer hangs_up([](const std::string&) { return std::string(); });
  CurlTransport transport;
  EXPECT_EQ(transport.get({hangs_up.url(), kSecond * 5}).error().code, ErrorCode::kUnavailable);
  std::string gone;
  {
    LoopbackServer closed([](const std::string&) { return std::string(); });
    gone = closed.url();
  }
  const auto reply = transport.get({gone, kSecond * 5});
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(reply.error().message.find("127.0.0.1"), std::string::npos);
}

TEST(CurlTransportTest, ASlowServerTimesOut) {
  LoopbackServer server(
      [](const std::string&) { return std::string("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"); });
  CurlTransport transport;
  const auto reply = transport.get({server.url(), 100});
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().code, ErrorCode::kUnavailable);
}

TEST(CurlTransportTest, AnOversizedBodyIsCutAtTheLimit) {
  LoopbackServer server(
      [](const std::string&) { return http_answer(std::string(3u << 20, 'x'), "Connection: close\r\n"); });
  CurlOptions options;
  options.max_body_bytes = 1u << 20;
  CurlTransport transport(options);
  const auto reply = transport.get({server.url(), kSecond * 10});
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().code, ErrorCode::kIo);
  EXPECT_NE(reply.error().message.find("1 MB"), std::string::npos) << reply.error().message;
}

TEST(CurlTransportTest, FollowsNoRedirectToPlainHttp) {
  LoopbackServer target([](const std::string&) { return http_answer("secret"); });
  LoopbackServer server([&](const std::string&) {
    return http_answer("", fmt::format("Location: {}\r\nConnection: close\r\n", target.url()), 302);
  });
  CurlTransport transport;
  const auto reply = transport.get({server.url(), kSecond * 5});
  EXPECT_FALSE(reply.has_value() && reply->body == "secret");
  EXPECT_EQ(target.connections(), 0);
}

TEST(CurlTransportTest, GoesThroughTheProxyOfTheUsualVariableButNotToThisMachine) {
  std::string seen;
  LoopbackServer proxy([&](const std::string& request) {
    seen = request;
    return http_answer("", "Connection: close\r\n", 403);
  });
  ::setenv("HTTPS_PROXY", proxy.url().c_str(), 1);
  ::setenv("http_proxy", proxy.url().c_str(), 1);
  LoopbackServer here([](const std::string&) { return http_answer("[]"); });
  CurlTransport transport;
  EXPECT_FALSE(transport.get({"https://exchange.invalid/api/v3/time", kSecond * 5}).has_value());
  EXPECT_TRUE(seen.starts_with("CONNECT exchange.invalid:443 ")) << seen;
  EXPECT_TRUE(transport.get({here.url(), kSecond * 5}).has_value());
  EXPECT_EQ(proxy.connections(), 1);
  ::unsetenv("HTTPS_PROXY");
  ::unsetenv("http_proxy");
}

TEST(CurlTransportTest, ACertificateThatNobodyVouchesForIsRefusedAtOnce) {
  const LoopbackServer server([](const std::string&) { return http_answer("[]"); }, make_self_signed());
  CurlTransport transport;
  const auto reply = transport.get({fmt::format("https://localhost:{}/", server.port()), kSecond * 5});
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
