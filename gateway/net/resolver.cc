#include "gateway/net/resolver.h"

#include <netdb.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string_view>
#include <thread>

#include "gateway/net/event_loop.h"
#include "gateway/net/socket.h"

namespace gateway {

namespace {

std::string lookup_error(const HostPort& name, int code) {
  std::string text = code == EAI_SYSTEM ? error_text(errno) : gai_strerror(code);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] | 0x20);
  return name.host + ": " + text;
}

Resolved look_up(const HostPort& name) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(name.host.c_str(), std::to_string(name.port).c_str(), &hints, &list);
  Resolved resolved;
  if (code != 0) {
    resolved.error = lookup_error(name, code);
    return resolved;
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    Address address = make_address(entry->ai_addr, entry->ai_addrlen);
    const bool known =
        std::ranges::any_of(resolved.addresses, [&](const Address& a) { return a.text == address.text; });
    if (!known) resolved.addresses.push_back(std::move(address));
  }
  if (resolved.addresses.empty()) resolved.error = name.host + ": has no IP address";
  return resolved;
}

}  // namespace

Resolved resolve_now(const HostPort& name) {
  if (auto address = numeric_address(name)) return {{std::move(*address)}, ""};
  if (name.is_unix) return {{}, name.host + ": not the path of a unix socket"};
  return look_up(name);
}

struct Resolver::Request {
  HostPort name;
  Callback callback;  // touched on the loop's thread only
  std::mutex mutex;   // guards loop: it lives at least until the ticket is cancelled
  EventLoop* loop = nullptr;

  static void answer(const std::shared_ptr<Request>& request, Resolved resolved) {
    const std::lock_guard lock(request->mutex);
    if (request->loop == nullptr) return;
    request->loop->post([request, resolved = std::move(resolved)]() mutable {
      if (!request->callback) return;
      const Callback callback = std::exchange(request->callback, nullptr);
      callback(std::move(resolved));
    });
  }
};

struct Resolver::State {
  std::mutex mutex;  // guards all of it but `thread`
  std::condition_variable changed;
  std::deque<std::shared_ptr<Request>> waiting;
  bool busy = false;
  bool stop = false;

  static void work(const std::shared_ptr<State>& state) {
    std::unique_lock lock(state->mutex);
    while (true) {
      state->changed.wait(lock, [&] { return state->stop || !state->waiting.empty(); });
      if (state->stop) return;
      const auto request = std::move(state->waiting.front());
      state->waiting.pop_front();
      state->busy = true;
      lock.unlock();
      Request::answer(request, resolve_now(request->name));
      lock.lock();
      state->busy = false;
    }
  }

  std::thread thread;  // started with the first look-up
};

Resolver::Ticket& Resolver::Ticket::operator=(Ticket&& other) noexcept {
  std::swap(request_, other.request_);
  other.cancel();
  return *this;
}

void Resolver::Ticket::cancel() noexcept {
  if (!request_) return;
  request_->callback = nullptr;
  const std::lock_guard lock(request_->mutex);
  request_->loop = nullptr;
}

bool Resolver::Ticket::waiting() const {
  return request_ && request_->callback;
}

Resolver::Resolver() : state_(std::make_shared<State>()) {}

Resolver::~Resolver() {
  std::deque<std::shared_ptr<Request>> dropped;
  std::unique_lock lock(state_->mutex);
  state_->stop = true;
  dropped.swap(state_->waiting);
  const bool busy = state_->busy;
  lock.unlock();
  state_->changed.notify_all();
  if (!state_->thread.joinable()) return;
  // A look-up cannot be broken off and may take half a minute. Its thread touches the shared state only, and
  // ends after it.
  if (busy) {
    state_->thread.detach();
  } else {
    state_->thread.join();
  }
}

Resolver::Ticket Resolver::resolve(const HostPort& name, EventLoop& loop, Callback callback) {
  auto request = std::make_shared<Request>();
  request->name = name;
  request->callback = std::move(callback);
  request->loop = &loop;
  Ticket ticket(request);
  if (name.is_unix || numeric_address(name)) {
    Request::answer(request, resolve_now(name));
    return ticket;
  }
  const std::lock_guard lock(state_->mutex);
  if (state_->waiting.size() >= kMaxWaiting) {
    Request::answer(request, {{}, name.host + ": too many names to look up at once"});
    return ticket;
  }
  state_->waiting.push_back(std::move(request));
  if (!state_->thread.joinable()) state_->thread = std::thread([state = state_] { State::work(state); });
  state_->changed.notify_one();
  return ticket;
}

}  // namespace gateway
