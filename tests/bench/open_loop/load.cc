#include "tests/bench/open_loop/load.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <random>
#include <stdexcept>
#include <utility>

namespace open_loop {
namespace {

using std::chrono::microseconds;

constexpr auto kPatience = std::chrono::seconds(5);
constexpr std::size_t kAhead = 64;        // so many requests are prepared at most
constexpr auto kUnit = microseconds(20);  // to prepare a request, or to decode an answer, takes less

SSL_CTX* make_context() {
  constexpr std::array<unsigned char, 3> kH2{2, 'h', '2'};
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set_alpn_protos(context, kH2.data(), kH2.size());
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  return context;
}

/// All requests that are to come.
std::vector<Request> poisson_process(double rate, double seconds, unsigned seed) {
  std::mt19937_64 random(seed);
  std::exponential_distribution<double> gap(rate);
  std::vector<Request> requests;
  for (double at = gap(random); at < seconds; at += gap(random)) {
    requests.push_back(
        {.due = Time(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(at)))});
  }
  const auto begin = Clock::now().time_since_epoch();
  for (Request& request : requests) request.due += begin;
  return requests;
}

}  // namespace

Load::Load(Poll& poll, std::uint16_t port, Asked asked, std::size_t count)
    : poll_(poll), asked_(std::move(asked)), context_(make_context()) {
  for (std::size_t i = 0; i < count; ++i) {
    connections_.push_back(std::make_unique<Connection>(poll, context_, port, arrivals_, failure_));
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
  arrivals_.defer(true);
  std::vector<Request> requests = poisson_process(rate, seconds, seed);
  const auto connection_of = [this](std::size_t request) -> Connection& {
    return *connections_[(next_ + request) % connections_.size()];
  };
  const std::size_t ahead = std::min(connections_.size(), kAhead);  // one of each connection at most
  std::size_t prepared = 0;                                         // those before it are, or were asked
  for (std::size_t next = 0; next < requests.size();) {
    for (;;) {
      const bool served = turn();
      const auto left = requests[next].due - Clock::now();
      if (left <= Clock::duration::zero()) break;
      if (served || left < kUnit) continue;
      if (prepared < std::min(next + ahead, requests.size())) {
        connection_of(prepared).prepare(asked_.path, requests[prepared]);
        ++prepared;
      } else {
        arrivals_.decode_next();
      }
    }
    for (const Time now = Clock::now(); next < requests.size() && requests[next].due <= now; ++next)
      connection_of(next).ask(asked_.path, requests[next]);
    prepared = std::max(prepared, next);
  }
  next_ += requests.size();
  finish(requests);
  arrivals_.defer(false);
  write_log(requests, log);
}

void Load::finish(const std::vector<Request>& requests) {
  const Time last = Clock::now() + kPatience;
  for (const Request& request : requests) {
    while (!request.over) {
      if (Clock::now() > last) throw std::runtime_error("an answer has not come");
      if (!turn()) arrivals_.decode_next();
    }
  }
}

bool Load::turn() {
  const bool served = poll_.turn(false);
  if (!failure_.empty()) throw std::runtime_error(failure_);
  return served;
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
