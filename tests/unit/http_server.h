// A small strict HTTP/1.1 server on 127.0.0.1 for tests of clients: each connection is a script that
// the test writes, on a thread of its own. It knows how to be good and how to be bad. What a client
// sends that no server should accept is kept as a complaint.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace tsnap::test {

struct GotRequest {
  std::string method, target;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  int connection = 0;  // counted from 1

  std::string header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return {};
  }
};

class HttpServer;

// The server's end of one connection.
class Peer {
 public:
  Peer(HttpServer* server, int socket, int number) : server_(server), socket_(socket), number_(number) {}
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // The next request with its body; none when the client has closed the connection.
  std::optional<GotRequest> Read();
  // Without the body, of which *body_bytes are to come.
  std::optional<GotRequest> ReadHead(size_t* body_bytes);
  std::string ReadBody(size_t bytes);
  // Reads and forgets; false when the client has closed the connection before.
  bool Sink(size_t bytes);

  bool Send(std::string_view text);
  // A whole answer over a connection that is kept.
  bool Answer(int status, std::string_view body, std::string_view more_headers = {}) {
    return Send("HTTP/1.1 " + std::to_string(status) + " Status\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n" + std::string(more_headers) + "\r\n" + std::string(body));
  }
  void Reset() {
    const linger now{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    reset_ = true;
  }
  // Until the client has closed the connection, or the server ends.
  void WaitForEnd() {
    char byte = 0;
    while (::recv(socket_, &byte, 1, 0) > 0) {
    }
  }
  bool was_reset() const { return reset_; }

 private:
  bool Fill();

  HttpServer* const server_;
  const int socket_;
  const int number_;
  std::string buffer_;
  bool reset_ = false;
};

class HttpServer {
 public:
  using Script = std::function<void(Peer&)>;

  explicit HttpServer(Script script) : script_(std::move(script)) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    if (socket_ < 0 || ::bind(socket_, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(socket_, 512) != 0 ||
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      std::perror("the test's server");
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] { Accept(); });
  }

  ~HttpServer() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
      for (const Connection& connection : connections_) {
        if (connection.socket >= 0) ::shutdown(connection.socket, SHUT_RDWR);
      }
    }
    ::shutdown(socket_, SHUT_RDWR);  // wakes accept
    accepting_.join();
    for (Connection& connection : connections_) connection.thread.join();
    ::close(socket_);
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string authority() const { return "127.0.0.1:" + std::to_string(port_); }
  int connections() const { return Locked([this] { return static_cast<int>(connections_.size()); }); }
  int most_open() const { return Locked([this] { return most_open_; }); }
  int requests() const { return Locked([this] { return requests_; }); }
  // What was wrong with what the client sent; empty when nothing was.
  std::string complaints() const { return Locked([this] { return complaints_; }); }

 private:
  friend class Peer;
  struct Connection {
    int socket = -1;  // -1 once it is closed
    std::thread thread;
  };

  template <class F>
  std::invoke_result_t<F> Locked(F&& f) const {
    std::lock_guard lock(mutex_);
    return f();
  }
  void Complain(const std::string& text) {
    std::lock_guard lock(mutex_);
    complaints_ += text + "; ";
  }
  void CountRequest() {
    std::lock_guard lock(mutex_);
    ++requests_;
  }

  void Accept() {
    while (true) {
      const int socket = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
      std::lock_guard lock(mutex_);
      if (socket < 0 && !stop_) continue;
      if (stop_) {
        if (socket >= 0) ::close(socket);
        return;
      }
      const int on = 1;
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      connections_.emplace_back();
      Connection* const connection = &connections_.back();
      const int number = static_cast<int>(connections_.size());
      connection->socket = socket;
      most_open_ = std::max(most_open_, ++open_);
      connection->thread = std::thread([this, connection, socket, number] { Serve(connection, socket, number); });
    }
  }

  void Serve(Connection* connection, int socket, int number) {
    Peer peer(this, socket, number);
    script_(peer);
    // What the client still sends would turn a plain close into a reset.
    if (!peer.was_reset() && ::shutdown(socket, SHUT_WR) == 0) {
      pollfd waiting{socket, POLLIN, 0};
      char bytes[4096];
      while (::poll(&waiting, 1, 2000) > 0 && ::recv(socket, bytes, sizeof(bytes), 0) > 0) {
      }
    }
    std::lock_guard lock(mutex_);
    --open_;
    connection->socket = -1;
    ::close(socket);
  }

  const Script script_;
  int socket_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::list<Connection> connections_;  // this and the following are guarded by mutex_
  int open_ = 0, most_open_ = 0, requests_ = 0;
  bool stop_ = false;
  std::string complaints_;
  std::thread accepting_;
};

inline bool Peer::Fill() {
  char bytes[65536];
  const ssize_t got = ::recv(socket_, bytes, sizeof(bytes), 0);
  if (got > 0) buffer_.append(bytes, static_cast<size_t>(got));
  return got > 0;
}

inline std::optional<GotRequest> Peer::ReadHead(size_t* body_bytes) {
  size_t end = std::string::npos;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!Fill()) {
      if (!buffer_.empty()) server_->Complain("a request ends within its headers");
      return std::nullopt;
    }
  }
  const std::string head = buffer_.substr(0, end + 2);
  buffer_.erase(0, end + 4);
  server_->CountRequest();

  GotRequest got;
  got.connection = number_;
  *body_bytes = 0;
  size_t hosts = 0, lengths = 0;
  for (size_t at = 0; at < head.size();) {
    const size_t line_end = head.find("\r\n", at);
    const std::string line = head.substr(at, line_end - at);
    at = line_end + 2;
    if (line.find_first_of("\r\n") != std::string::npos) server_->Complain("a bare CR or LF");
    if (got.method.empty()) {
      const size_t first = line.find(' '), last = line.rfind(' ');
      if (first == std::string::npos || last <= first || line.substr(last) != " HTTP/1.1") {
        server_->Complain("no request line: " + line);
        return std::nullopt;
      }
      got.method = line.substr(0, first);
      got.target = line.substr(first + 1, last - first - 1);
      if (got.target.find(' ') != std::string::npos) server_->Complain("a space in the target");
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == std::string::npos || colon == 0) {
      server_->Complain("no header: " + line);
      continue;
    }
    std::string name = line.substr(0, colon), value = line.substr(colon + 1);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    value.erase(0, value.find_first_not_of(' '));
    if (name == "host") ++hosts;
    if (name == "transfer-encoding") server_->Complain("a body of unknown length");
    if (name == "content-length") {
      ++lengths;
      *body_bytes = std::strtoull(value.c_str(), nullptr, 10);
    }
    got.headers.emplace_back(std::move(name), std::move(value));
  }
  if (hosts != 1) server_->Complain("not one Host");
  if (lengths > 1) server_->Complain("more than one Content-Length");
  if (lengths == 0 && (got.method == "PUT" || got.method == "POST")) server_->Complain("no Content-Length");
  return got;
}

inline std::string Peer::ReadBody(size_t bytes) {
  while (buffer_.size() < bytes && Fill()) {
  }
  std::string body = buffer_.substr(0, bytes);
  buffer_.erase(0, bytes);
  return body;
}

inline bool Peer::Sink(size_t bytes) {
  const size_t buffered = std::min(bytes, buffer_.size());
  buffer_.erase(0, buffered);
  std::vector<char> into(size_t{1} << 18);
  for (size_t left = bytes - buffered; left > 0;) {
    const ssize_t got = ::recv(socket_, into.data(), std::min(into.size(), left), 0);
    if (got <= 0) return false;
    left -= static_cast<size_t>(got);
  }
  return true;
}

inline std::optional<GotRequest> Peer::Read() {
  size_t body_bytes = 0;
  std::optional<GotRequest> got = ReadHead(&body_bytes);
  if (!got) return got;
  got->body = ReadBody(body_bytes);
  if (got->body.size() == body_bytes) return got;
  return std::nullopt;
}

inline bool Peer::Send(std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

}  // namespace tsnap::test
