// Asks for one thing at a rate, over many connections, whether answers come or not: an open loop
// (peers/load.py runs it).
//
//   open_loop PORT PATH SIZE CONNECTIONS
//
// Opens the connections to 127.0.0.1 (TLS 1.3 with AES-128-GCM, h2), one after the other, and prints "ready".
// Then, for each line "RATE SECONDS SEED LOG" of its input: asks at the moments of a Poisson process of RATE
// a second, over the connections in turn, waits for what is on its way, writes LOG as h2load does (begin in
// microseconds since the epoch, status, microseconds) and prints "done".
//
// A time counts from the moment at which the request was due, so that one who is late, here or there, is seen
// in all that waits behind it. The status of an answer that is not whole, or has not SIZE bytes, is -1. A
// connection that ends is an error: all of them are to be there.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::system_clock;  // the log's is since the epoch
using Time = Clock::time_point;
using std::chrono::microseconds;

constexpr auto kPatience = std::chrono::seconds(5);
constexpr std::int32_t kWindow = 1 << 30;

struct Request {
  Time due{};
  int status = 0;
  std::size_t bytes = 0;
  bool over = false;
  Time end{};
};

/// One connection with its session. REQUIRES: a request outlives its stream.
class Connection {
 public:
  Connection(SSL_CTX* context, std::uint16_t port);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  int fd() const { return fd_; }
  void ask(const std::string& path, Request& request);
  /// Reads what has come and writes what is to go.
  void serve();
  /// Writes what is to go, as far as the socket takes it.
  void write();

 private:
  void read();
  void expect_again(int result, const char* what);

  int fd_ = -1;
  SSL* tls_ = nullptr;
  nghttp2_session* session_ = nullptr;
  std::string out_;
};

/// Null once the stream is closed.
Request* request_of(nghttp2_session* session, std::int32_t stream) {
  return static_cast<Request*>(nghttp2_session_get_stream_user_data(session, stream));
}

void set_up(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks,
      [](nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
         std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t, void*) {
        Request* request = request_of(session, frame->hd.stream_id);
        if (request && std::string_view(reinterpret_cast<const char*>(name), name_size) == ":status") {
          request->status = std::stoi(std::string(reinterpret_cast<const char*>(value), value_size));
        }
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](nghttp2_session* session, std::uint8_t, std::int32_t stream, const std::uint8_t*,
                    std::size_t size, void*) {
        if (Request* request = request_of(session, stream)) request->bytes += size;
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](nghttp2_session* session, std::int32_t stream, std::uint32_t error, void*) {
        if (Request* request = request_of(session, stream)) {
          if (error != NGHTTP2_NO_ERROR) request->status = -1;
          request->end = Clock::now();
          request->over = true;
        }
        return 0;
      });
}

Connection::Connection(SSL_CTX* context, std::uint16_t port)
    : fd_(socket(AF_INET, SOCK_STREAM, 0)), tls_(SSL_new(context)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("cannot connect");
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  SSL_set_fd(tls_, fd_);
  SSL_set_tlsext_host_name(tls_, "localhost");
  if (SSL_connect(tls_) != 1) throw std::runtime_error("no TLS handshake");
  fcntl(fd_, F_SETFL, O_NONBLOCK);

  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  set_up(callbacks);
  nghttp2_session_client_new(&session_, callbacks, nullptr);
  nghttp2_session_callbacks_del(callbacks);
  const std::array<nghttp2_settings_entry, 2> settings{
      {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow}}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindow);
  write();
}

Connection::~Connection() {
  nghttp2_session_del(session_);
  SSL_free(tls_);
  close(fd_);
}

void Connection::ask(const std::string& path, Request& request) {
  const auto field = [](std::string_view name, std::string_view value) {
    return nghttp2_nv{reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                      reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
                      value.size(), NGHTTP2_NV_FLAG_NONE};
  };
  const std::array fields{field(":method", "GET"), field(":scheme", "https"),
                          field(":authority", "localhost"), field(":path", path),
                          field("user-agent", "open_loop")};
  if (nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), nullptr, &request) < 0) {
    throw std::runtime_error("no more streams");
  }
}

void Connection::serve() {
  read();
  write();
}

void Connection::read() {
  static std::array<std::uint8_t, 1 << 16> bytes;
  int size = 0;
  while ((size = SSL_read(tls_, bytes.data(), static_cast<int>(bytes.size()))) > 0) {
    if (nghttp2_session_mem_recv(session_, bytes.data(), static_cast<std::size_t>(size)) < 0) {
      throw std::runtime_error("not h2");
    }
  }
  expect_again(size, "a connection was ended");
}

void Connection::write() {
  const std::uint8_t* more = nullptr;
  ssize_t size = 0;
  while ((size = nghttp2_session_mem_send(session_, &more)) > 0) {
    out_.append(reinterpret_cast<const char*>(more), static_cast<std::size_t>(size));
  }
  while (!out_.empty()) {
    const int written = SSL_write(tls_, out_.data(), static_cast<int>(out_.size()));
    if (written <= 0) return expect_again(written, "a connection takes no more");
    out_.erase(0, static_cast<std::size_t>(written));
  }
}

void Connection::expect_again(int result, const char* what) {
  const int error = SSL_get_error(tls_, result);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) throw std::runtime_error(what);
}

/// All connections, and what is asked for over them.
class Load {
 public:
  Load(std::uint16_t port, std::string path, std::size_t size, std::size_t count);
  ~Load() {
    connections_.clear();
    close(epoll_);
    SSL_CTX_free(context_);
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  void run(double rate, double seconds, unsigned seed, const std::string& log);

 private:
  void serve_until(Time moment);
  void write_log(const std::vector<Request>& requests, const std::string& log) const;

  const std::string path_;
  const std::size_t size_;
  const int epoll_ = epoll_create1(0);
  SSL_CTX* context_ = SSL_CTX_new(TLS_client_method());
  std::vector<std::unique_ptr<Connection>> connections_;
  std::size_t next_ = 0;
};

Load::Load(std::uint16_t port, std::string path, std::size_t size, std::size_t count)
    : path_(std::move(path)), size_(size) {
  constexpr std::array<unsigned char, 3> kH2{2, 'h', '2'};
  SSL_CTX_set_min_proto_version(context_, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(context_, "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set_alpn_protos(context_, kH2.data(), kH2.size());
  SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_RELEASE_BUFFERS);
  for (std::size_t i = 0; i < count; ++i) {
    Connection& connection = *connections_.emplace_back(std::make_unique<Connection>(context_, port));
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.ptr = &connection;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd(), &event);
    serve_until(Clock::now());
  }
  // Not in the order in which they were opened: what a proxy has for them may lie in its memory in that order.
  std::shuffle(connections_.begin(), connections_.end(), std::mt19937_64(count));
}

void Load::serve_until(Time moment) {
  std::array<epoll_event, 256> events;
  do {
    const auto left = std::max(std::chrono::nanoseconds(moment - Clock::now()), std::chrono::nanoseconds(0));
    const timespec pause{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    const int count = epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &pause, nullptr);
    for (int i = 0; i < count; ++i)
      static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr)->serve();
  } while (Clock::now() < moment);
}

void Load::run(double rate, double seconds, unsigned seed, const std::string& log) {
  std::mt19937_64 random(seed);
  std::exponential_distribution<double> gap(rate);
  std::vector<Request> requests;  // all that are to come, so that none moves
  for (double at = gap(random); at < seconds; at += gap(random)) {
    requests.push_back(
        {.due = Time(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(at)))});
  }
  const auto begin = Clock::now().time_since_epoch();
  for (Request& request : requests) request.due += begin;

  for (auto due = requests.begin(); due != requests.end();) {
    serve_until(due->due);
    std::vector<Connection*> asked;
    for (const Time now = Clock::now(); due != requests.end() && due->due <= now; ++due) {
      Connection& connection = *connections_[next_++ % connections_.size()];
      connection.ask(path_, *due);
      asked.push_back(&connection);
    }
    for (Connection* connection : asked) connection->write();
  }
  const Time last = Clock::now() + kPatience;
  const auto over = [](const Request& request) { return request.over; };
  while (!std::ranges::all_of(requests, over)) {
    if (Clock::now() > last) throw std::runtime_error("an answer has not come");
    serve_until(Clock::now() + std::chrono::milliseconds(1));
  }
  write_log(requests, log);
}

void Load::write_log(const std::vector<Request>& requests, const std::string& log) const {
  std::ofstream file(log);
  for (const Request& request : requests) {
    file << std::chrono::duration_cast<microseconds>(request.due.time_since_epoch()).count() << '\t'
         << (request.bytes == size_ ? request.status : -1) << '\t'
         << std::chrono::duration_cast<microseconds>(request.end - request.due).count() << '\n';
  }
  if (!file.flush()) throw std::runtime_error("cannot write " + log);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) {
    std::cerr << "usage: open_loop PORT PATH SIZE CONNECTIONS\n";
    return 2;
  }
  prctl(PR_SET_TIMERSLACK, 1);  // nanoseconds; 50 us are usual
  try {
    Load load(static_cast<std::uint16_t>(std::atoi(arguments[1])), arguments[2],
              std::strtoul(arguments[3], nullptr, 10), std::strtoul(arguments[4], nullptr, 10));
    std::cout << "ready" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
      std::istringstream words(line);
      double rate = 0;
      double seconds = 0;
      unsigned seed = 0;
      std::string log;
      if (!(words >> rate >> seconds >> seed >> log))
        throw std::runtime_error("not RATE SECONDS SEED LOG: " + line);
      load.run(rate, seconds, seed, log);
      std::cout << "done" << std::endl;
    }
  } catch (const std::exception& error) {
    std::cerr << "open_loop: " << error.what() << '\n';
    return 1;
  }
}
