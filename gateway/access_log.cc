#include "gateway/access_log.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <iterator>
#include <system_error>

#include "gateway/exchange.h"
#include "gateway/json.h"
#include "gateway/log.h"

namespace gateway {
namespace {

constexpr std::size_t kWriteSize = 256 * 1024;  // bytes gathered for one write

int open_log(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

bool is_regular_file(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/// As many whole lines as fit into `limit` bytes; the beginning of the first when that alone is longer.
std::string_view whole_lines(std::string_view lines, std::size_t limit) {
  if (lines.size() <= limit) return lines;
  const std::size_t newline = lines.rfind('\n', limit - 1);
  return lines.substr(0, newline == std::string_view::npos ? limit : newline + 1);
}

double milliseconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

/// Makes lines of entries, one behind the other in one buffer.
class AccessLog::Format {
 public:
  std::string_view lines() const { return {buffer_.GetString(), buffer_.GetSize()}; }
  void clear() { buffer_.Clear(); }

  /// Appends a line. The entry's texts begin at text[0]; returns how many bytes they are.
  std::size_t append(const Entry& entry, std::string_view text);

 private:
  std::string_view iso_time(std::chrono::system_clock::time_point time);

  rapidjson::StringBuffer buffer_;
  JsonLineWriter writer_;
  std::time_t second_ = -1;  // that time_ tells; formatting a date costs more than the rest of a line
  std::string time_;
};

std::string_view AccessLog::Format::iso_time(std::chrono::system_clock::time_point time) {
  const auto since_epoch = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch());
  const auto second = static_cast<std::time_t>(since_epoch.count() / 1000);
  if (second != second_) {
    second_ = second;
    time_ = fmt::format("{:%Y-%m-%dT%H:%M:%S}", fmt::gmtime(second));
  }
  time_.resize(19);
  fmt::format_to(std::back_inserter(time_), ".{:03}Z", since_epoch.count() % 1000);
  return time_;
}

std::size_t AccessLog::Format::append(const Entry& entry, std::string_view text) {
  std::size_t offset = 0;
  std::size_t field = 0;
  const auto next_text = [&](std::string_view key) {
    const std::size_t length = entry.lengths[field++];
    write_json(writer_, key, text.substr(offset, length));
    offset += length;
  };
  writer_.Reset(buffer_);
  writer_.SetMaxDecimalPlaces(3);
  writer_.StartObject();
  write_json(writer_, "time", iso_time(entry.time));
  next_text("client");
  next_text("protocol");
  writer_.Key("stream");
  writer_.Int(entry.stream);
  next_text("method");
  next_text("authority");
  next_text("path");
  writer_.Key("status");
  writer_.Int(entry.status);
  writer_.Key("bytes_in");
  writer_.Uint64(entry.bytes_in);
  writer_.Key("bytes_out");
  writer_.Uint64(entry.bytes_out);
  next_text("cluster");
  next_text("endpoint");
  writer_.Key("total_ms");
  writer_.Double(milliseconds(entry.total));
  writer_.Key("backend_ms");
  writer_.Double(milliseconds(entry.backend));
  writer_.Key("paused_ms");
  writer_.Double(milliseconds(entry.paused));
  next_text("pause");
  next_text("end");
  writer_.EndObject();
  buffer_.Put('\n');
  return offset;
}

AccessRecord AccessRecord::of(const Exchange& exchange, std::chrono::steady_clock::time_point now) {
  const h2::HeaderList& request = exchange.request();
  AccessRecord record;
  record.total = now - exchange.started();
  record.time = std::chrono::system_clock::now() -
                std::chrono::duration_cast<std::chrono::system_clock::duration>(record.total);
  record.client = exchange.origin().peer;
  record.protocol = exchange.origin().protocol;
  record.stream = exchange.origin().stream_id;
  record.method = request.get(":method");
  record.authority = request.get(":authority");
  record.path = request.get(":path");
  record.status = exchange.status();
  record.bytes_in = exchange.bytes_from_client();
  record.bytes_out = exchange.bytes_to_client();
  record.cluster = exchange.cluster();
  record.endpoint = exchange.endpoint();
  record.backend = exchange.waited_for_backend();
  record.paused = exchange.paused_for_blocks();
  record.pause = exchange.pause_reasons();
  record.end = exchange.end_reason();
  return record;
}

AccessLog::AccessLog(const std::string& target, Log& log)
    : path_(target == "stdout" || target == "off" ? "" : target), enabled_(target != "off"), log_(log) {
  if (!enabled_) return;
  fd_ = path_.empty() ? STDOUT_FILENO : open_log(path_);
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "access log " + path_);
  regular_file_ = is_regular_file(fd_);
  writer_ = std::thread([this] { run(); });
}

AccessLog::~AccessLog() {
  if (!enabled_) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  writer_.join();
  if (!path_.empty()) ::close(fd_);
}

bool AccessLog::record(const AccessRecord& record) {
  if (!enabled_) return true;
  const std::string_view end = record.end.empty() ? std::string_view("complete") : record.end;
  const std::array<std::string_view, 9> texts = {
      record.client, record.protocol, record.method, record.authority, record.path, record.cluster, record.endpoint, record.pause,
      end};
  std::size_t size = 0;
  Entry entry{.time = record.time,
              .total = record.total,
              .backend = record.backend,
              .paused = record.paused,
              .bytes_in = record.bytes_in,
              .bytes_out = record.bytes_out,
              .stream = record.stream,
              .status = record.status,
              .lengths = {}};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    entry.lengths[i] = static_cast<std::uint32_t>(texts[i].size());
    size += texts[i].size();
  }
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.entries.size() >= kMaxRecords || waiting_.text.size() + size > kMaxText) return false;
    first = waiting_.entries.empty();
    waiting_.entries.push_back(entry);
    for (const std::string_view text : texts) waiting_.text += text;
  }
  if (first) wake_.notify_one();
  return true;
}

void AccessLog::reopen() {
  if (path_.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    reopen_ = true;
  }
  wake_.notify_one();
}

void AccessLog::Batch::clear() {
  constexpr std::size_t kKeep = 1024 * 1024;  // bytes; what a burst needed goes back
  entries.clear();
  text.clear();
  if (entries.capacity() * sizeof(Entry) > kKeep) entries.shrink_to_fit();
  if (text.capacity() > kKeep) text.shrink_to_fit();
}

void AccessLog::run() {
  Format format;
  Batch batch;
  std::unique_lock lock(mutex_);
  bool stop = false;
  while (!stop) {
    wake_.wait(lock, [this] { return stopping_ || reopen_ || !waiting_.entries.empty(); });
    wake_.wait_for(lock, kGather, [this] { return stopping_ || reopen_; });
    stop = stopping_;
    const bool reopen = std::exchange(reopen_, false);
    std::swap(batch, waiting_);
    lock.unlock();
    if (reopen) reopen_file();
    write_batch(batch, format);
    batch.clear();
    lock.lock();
  }
}

void AccessLog::reopen_file() {
  const int fd = open_log(path_);
  if (fd < 0) return report("reopen", errno);
  ::close(fd_);
  fd_ = fd;
  regular_file_ = is_regular_file(fd_);
  torn_ = reported_ = false;
}

void AccessLog::write_batch(const Batch& batch, Format& format) {
  std::string_view text = batch.text;
  for (const Entry& entry : batch.entries) {
    text.remove_prefix(format.append(entry, text));
    if (format.lines().size() < kWriteSize) continue;
    write_lines(format.lines());
    format.clear();
  }
  write_lines(format.lines());
  format.clear();
}

void AccessLog::write_lines(std::string_view lines) {
  if (torn_ && !lines.empty()) torn_ = ::write(fd_, "\n", 1) != 1;
  while (!lines.empty()) {
    // What poll() calls writable takes PIPE_BUF bytes at once; more would block while a reader is slow.
    if (!regular_file_ && !wait_writable()) return report("write", ETIMEDOUT);
    const std::string_view piece = regular_file_ ? lines : whole_lines(lines, PIPE_BUF);
    const ssize_t written = ::write(fd_, piece.data(), piece.size());
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written < 0) return report("write", errno);
    torn_ = written > 0 && piece[static_cast<std::size_t>(written) - 1] != '\n';
    lines.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// False when the log is closing and the reader has had its time.
bool AccessLog::wait_writable() {
  for (;;) {
    const auto now = std::chrono::steady_clock::now();
    if (stopping_ && !give_up_at_) give_up_at_ = now + kPatience;
    const bool last_try = give_up_at_ && now >= *give_up_at_;
    pollfd poll_fd{.fd = fd_, .events = POLLOUT, .revents = 0};
    if (::poll(&poll_fd, 1, last_try ? 0 : 100) > 0) return true;
    if (last_try) return false;
  }
}

void AccessLog::report(std::string_view what, int error) {
  if (std::exchange(reported_, true)) return;
  log_.error("access_log", "cannot {} {}: {}; lines are lost", what, path_.empty() ? "stdout" : path_,
             std::generic_category().message(error));
}

}  // namespace gateway
