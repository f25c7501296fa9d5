#include "tests/bench/open_loop/load.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "tests/bench/open_loop/h2_session.h"

namespace open_loop {
namespace {

using Clock = std::chrono::system_clock;  // the log's is since the epoch
using Time = Clock::time_point;
using std::chrono::microseconds;

constexpr auto kPatience = std::chrono::seconds(5);
constexpr std::int32_t kWindow = 1 << 30;

SSL_CTX* make_context() {
  constexpr std::array<unsigned char, 3> kH2{2, 'h', '2'};
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set_alpn_protos(context, kH2.data(), kH2.size());
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  return context;
}

int connected_socket(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("cannot connect");
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

}  // namespace

struct Load::Request {
  Time due{};
  int status = 0;
  std::size_t bytes = 0;
  bool over = false;
  Time end{};
};

/// One connection with its session. REQUIRES: a request outlives its stream.
class Load::Connection final : Poll::Watched {
 public:
  /// Tells in `failure` why it has ended.
  Connection(Poll& poll, SSL_CTX* context, std::uint16_t port, std::string& failure);
  ~Connection() override;

  void ask(const std::string& path, Request& request);
  /// Writes what is to go, as far as the socket takes it.
  void write();

 private:
  static nghttp2_session_callbacks* callbacks();
  /// Null once the stream is closed.
  static Request* request_of(nghttp2_session* session, std::int32_t stream) {
    return static_cast<Request*>(nghttp2_session_get_stream_user_data(session, stream));
  }

  void serve() override;
  void expect_again(int result, const char* what);
  void end(const char* why);

  SSL* const tls_;
  std::string& failure_;
  bool ended_ = false;
  nghttp2_session* session_ = nullptr;
  std::string out_;
};

nghttp2_session_callbacks* Load::Connection::callbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
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
  return callbacks;
}

Load::Connection::Connection(Poll& poll, SSL_CTX* context, std::uint16_t port, std::string& failure)
    : Watched(poll, connected_socket(port)), tls_(SSL_new(context)), failure_(failure) {
  SSL_set_fd(tls_, fd());
  SSL_set_tlsext_host_name(tls_, "localhost");
  if (SSL_connect(tls_) != 1) throw std::runtime_error("no TLS handshake");
  fcntl(fd(), F_SETFL, O_NONBLOCK);

  nghttp2_session_callbacks* const all = callbacks();
  nghttp2_session_client_new(&session_, all, nullptr);
  nghttp2_session_callbacks_del(all);
  const std::array<nghttp2_settings_entry, 2> settings{
      {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow}}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindow);
  write();
}

Load::Connection::~Connection() {
  nghttp2_session_del(session_);
  SSL_free(tls_);
}

void Load::Connection::ask(const std::string& path, Request& request) {
  const std::array fields{field(":method", "GET"), field(":scheme", "https"),
                          field(":authority", "localhost"), field(":path", path),
                          field("user-agent", "open_loop")};
  if (nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), nullptr, &request) < 0) {
    throw std::runtime_error("no more streams");
  }
}

void Load::Connection::serve() {
  static std::array<std::uint8_t, 1 << 16> bytes;
  do {
    const int size = SSL_read(tls_, bytes.data(), static_cast<int>(bytes.size()));
    if (size <= 0) {
      expect_again(size, "a connection was ended");
      break;
    }
    if (nghttp2_session_mem_recv(session_, bytes.data(), static_cast<std::size_t>(size)) < 0)
      return end("not h2");
  } while (SSL_has_pending(tls_) != 0);
  write();
}

void Load::Connection::write() {
  if (ended_) return;
  produce(session_, out_);
  while (!out_.empty()) {
    const int written = SSL_write(tls_, out_.data(), static_cast<int>(out_.size()));
    if (written <= 0) {
      expect_again(written, "a connection takes no more");
      break;
    }
    out_.erase(0, static_cast<std::size_t>(written));
  }
  if (!ended_) want_write(!out_.empty());
}

void Load::Connection::expect_again(int result, const char* what) {
  const int error = SSL_get_error(tls_, result);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) end(what);
}

void Load::Connection::end(const char* why) {
  leave();
  ended_ = true;
  failure_ = why;
}

Load::Load(Poll& poll, std::uint16_t port, Asked asked, std::size_t count)
    : poll_(poll), asked_(std::move(asked)), context_(make_context()) {
  for (std::size_t i = 0; i < count; ++i) {
    connections_.push_back(std::make_unique<Connection>(poll, context_, port, failure_));
    turn();
  }
  // Not in the order in which they were opened: what a proxy has for them may lie in its memory in that
  // order.
  std::shuffle(connections_.begin(), connections_.end(), std::mt19937_64(count));
}

Load::~Load() {
  connections_.clear();
  SSL_CTX_free(context_);
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
    do {
      turn();
    } while (Clock::now() < due->due);
    std::vector<Connection*> asked;
    for (const Time now = Clock::now(); due != requests.end() && due->due <= now; ++due) {
      Connection& connection = *connections_[next_++ % connections_.size()];
      connection.ask(asked_.path, *due);
      asked.push_back(&connection);
    }
    for (Connection* connection : asked) connection->write();
  }
  const Time last = Clock::now() + kPatience;
  for (const Request& request : requests) {
    while (!request.over) {
      if (Clock::now() > last) throw std::runtime_error("an answer has not come");
      turn();
    }
  }
  write_log(requests, log);
}

void Load::turn() {
  poll_.turn(false);
  if (!failure_.empty()) throw std::runtime_error(failure_);
}

void Load::write_log(const std::vector<Request>& requests, const std::string& log) const {
  std::ofstream file(log);
  for (const Request& request : requests) {
    file << std::chrono::duration_cast<microseconds>(request.due.time_since_epoch()).count() << '\t'
         << (request.bytes == asked_.size ? request.status : -1) << '\t'
         << std::chrono::duration_cast<microseconds>(request.end - request.due).count() << '\n';
  }
  if (!file.flush()) throw std::runtime_error("cannot write " + log);
}

}  // namespace open_loop
