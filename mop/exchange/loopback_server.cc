#include "mop/exchange/loopback_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace mop::exchange {
namespace {

template <typename T, auto kFree>
using Owned = std::unique_ptr<T, decltype([](T* object) { kFree(object); })>;
using Bio = Owned<BIO, BIO_free>;
using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using Certificate = Owned<X509, X509_free>;
using Tls = Owned<SSL, SSL_free>;

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

Bio reader(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

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

}  // namespace

SelfSigned make_self_signed() {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  const auto* name = reinterpret_cast<const unsigned char*>("localhost");
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC, name, -1, -1, 0);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  EXPECT_GT(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0);
  const Bio certificate_text(BIO_new(BIO_s_mem())), key_text(BIO_new(BIO_s_mem()));
  EXPECT_EQ(PEM_write_bio_X509(certificate_text.get(), certificate.get()), 1);
  EXPECT_EQ(PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr), 1);
  return {text_of(certificate_text.get()), text_of(key_text.get())};
}

struct LoopbackServer::Impl {
  Impl(Answer a, const SelfSigned* identity) : answer(std::move(a)) {
    if (identity != nullptr) use(*identity);
    port = listen_on_loopback(listener);
    thread = std::thread([this] { accept_loop(); });
  }
  ~Impl() {
    shutdown(listener, SHUT_RDWR);
    thread.join();
    close(listener);
  }

  void use(const SelfSigned& identity) {
    tls.reset(SSL_CTX_new(TLS_server_method()));
    const Certificate certificate(
        PEM_read_bio_X509(reader(identity.certificate).get(), nullptr, nullptr, nullptr));
    const Key key(PEM_read_bio_PrivateKey(reader(identity.key).get(), nullptr, nullptr, nullptr));
    EXPECT_EQ(SSL_CTX_use_certificate(tls.get(), certificate.get()), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey(tls.get(), key.get()), 1);
  }

  void accept_loop() {
    std::vector<std::thread> sessions;
    for (int fd = accept(listener, nullptr, nullptr); fd >= 0; fd = accept(listener, nullptr, nullptr)) {
      ++connections;
      sessions.emplace_back([this, fd] { session(fd); });
    }
    for (auto& s : sessions)
      s.join();
  }

  void session(int fd) const {
    Tls secure(tls ? SSL_new(tls.get()) : nullptr);
    if (secure) SSL_set_fd(secure.get(), fd);
    if (!secure || SSL_accept(secure.get()) == 1) converse(fd, secure.get());
    close(fd);
  }

  void converse(int fd, SSL* secure) const {
    std::string request;
    std::array<char, 4096> buffer{};
    const auto receive = [&]() -> ssize_t {
      return secure != nullptr ? SSL_read(secure, buffer.data(), buffer.size())
                               : recv(fd, buffer.data(), buffer.size(), 0);
    };
    for (ssize_t n = receive(); n > 0; n = receive()) {
      request.append(buffer.data(), static_cast<std::size_t>(n));
      if (request.find("\r\n\r\n") == std::string::npos) continue;
      const std::string reply = answer(request);
      request.clear();
      if (reply.empty()) return;
      if (secure != nullptr) {
        SSL_write(secure, reply.data(), static_cast<int>(reply.size()));
      } else {
        send(fd, reply.data(), reply.size(), MSG_NOSIGNAL);
      }
      if (reply.find("Connection: close") != std::string::npos) return;
    }
  }

  Answer answer;
  Owned<SSL_CTX, SSL_CTX_free> tls;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  std::uint16_t port = 0;
  std::atomic<int> connections{0};
  std::thread thread;
};

LoopbackServer::LoopbackServer(Answer answer) : impl_(std::make_unique<Impl>(std::move(answer), nullptr)) {}
LoopbackServer::LoopbackServer(Answer answer, const SelfSigned& identity)
    : impl_(std::make_unique<Impl>(std::move(answer), &identity)) {}
LoopbackServer::~LoopbackServer() = default;

std::uint16_t LoopbackServer::port() const {
  return impl_->port;
}
std::string LoopbackServer::url(const std::string& path) const {
  return fmt::format("http://127.0.0.1:{}{}", impl_->port, path);
}
int LoopbackServer::connections() const {
  return impl_->connections;
}

std::string http_answer(const std::string& body, const std::string& headers, int status) {
  return fmt::format("HTTP/1.1 {} X\r\n{}Content-Length: {}\r\n\r\n{}", status, headers, body.size(), body);
}

std::string accept_web_socket(const std::string& request, const std::string& frames) {
  constexpr std::string_view kName = "Sec-WebSocket-Key: ";
  const std::size_t key = request.find(kName) + kName.size();
  const std::string proof =
      request.substr(key, request.find("\r\n", key) - key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(proof.data()), proof.size(), digest.data());
  std::array<unsigned char, 32> base64{};
  EVP_EncodeBlock(base64.data(), digest.data(), digest.size());
  return fmt::format(
      "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {}\r\n\r\n{}",
      reinterpret_cast<const char*>(base64.data()), frames);
}

std::string web_socket_frame(const std::string& payload, int opcode) {
  std::string frame(1, static_cast<char>(0x80 | opcode));
  const auto append = [&frame](std::uint64_t value, int bytes) {
    while (bytes-- > 0)
      frame += static_cast<char>(value >> (8 * bytes) & 0xffu);
  };
  if (payload.size() < 126) {
    append(payload.size(), 1);
  } else if (payload.size() < 65536) {
    append(126, 1);
    append(payload.size(), 2);
  } else {
    append(127, 1);
    append(payload.size(), 8);
  }
  return frame + payload;
}

}  // namespace mop::exchange
