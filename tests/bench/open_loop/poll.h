#pragma once

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace open_loop {

/// What one thread waits for.
class Poll {
 public:
  /// A file descriptor that is watched as long as this lives; closes it.
  class Watched {
   public:
    Watched(Poll& poll, int fd) : poll_(poll), fd_(fd) { control(EPOLL_CTL_ADD, EPOLLIN); }
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;
    virtual ~Watched() { close(fd_); }

   protected:
    /// It can be read, or is at its end, or can be written if that is wanted. May destroy its object.
    virtual void serve() = 0;
    int fd() const { return fd_; }
    void want_write(bool wanted) {
      if (wanted == wants_write_) return;
      wants_write_ = wanted;
      control(EPOLL_CTL_MOD, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }

    /// From now on it is not served.
    void leave() { control(EPOLL_CTL_DEL, 0); }

   private:
    friend class Poll;
    void control(int operation, unsigned events) {
      epoll_event event{};
      event.events = events;
      event.data.ptr = this;
      if (epoll_ctl(poll_.epoll_, operation, fd_, &event) != 0) throw std::runtime_error("cannot watch");
    }

    Poll& poll_;
    const int fd_;
    bool wants_write_ = false;
  };

  Poll() = default;
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;
  ~Poll() { close(epoll_); }

  /// Serves what is ready; only if `sleep` it waits until something is. False if nothing was.
  bool turn(bool sleep) {
    std::array<epoll_event, 256> events;
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), sleep ? -1 : 0);
    for (int i = 0; i < count; ++i)
      static_cast<Watched*>(events[static_cast<std::size_t>(i)].data.ptr)->serve();
    return count > 0;
  }

 private:
  const int epoll_ = epoll_create1(0);
};

}  // namespace open_loop
