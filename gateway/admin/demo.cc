#include "gateway/admin/demo.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cstring>
#include <optional>

#include "gateway/admin/applet.h"
#include "gateway/admin/echo_applet.h"
#include "gateway/exchange.h"
#include "gateway/json.h"

namespace gateway {
namespace {

constexpr std::string_view kName = "demo";
constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 40;
constexpr std::uint64_t kMaxDelay = 60000;  // milliseconds

/// Fills `piece` with demo_byte() from `offset` on, eight at a time: within a run of 256 only the low byte
/// changes.
void fill_demo(std::uint64_t offset, std::span<std::byte> piece) {
  constexpr auto kRamp = std::bit_cast<std::uint64_t>(std::array<std::uint8_t, 8>{0, 1, 2, 3, 4, 5, 6, 7});
  constexpr std::uint64_t kEach = 0x0101010101010101;
  while (!piece.empty() && (offset % 8 != 0 || piece.size() < 8)) {
    piece.front() = demo_byte(offset++);
    piece = piece.subspan(1);
  }
  for (; piece.size() >= 8; piece = piece.subspan(8), offset += 8) {
    const std::uint64_t eight = kRamp ^ (kEach * std::to_integer<std::uint64_t>(demo_byte(offset)));
    std::memcpy(piece.data(), &eight, sizeof(eight));
  }
  for (std::byte& byte : piece) byte = demo_byte(offset++);
}

class BytesApplet final : public Applet {
 public:
  BytesApplet(TurnEnd& turn_end, std::uint64_t size) : Applet(turn_end, kName), size_(size) {}

 private:
  void begin() override { respond(head(200, "application/octet-stream"), size_, fill_demo); }

  const std::uint64_t size_;
};

class DelayApplet final : public Applet {
 public:
  DelayApplet(EventLoop& loop, TurnEnd& turn_end, std::chrono::milliseconds delay)
      : Applet(turn_end, kName), delay_(delay), deadline_(loop, [this] { answer(); }) {}
  void give_up() override {
    deadline_.clear();
    Applet::give_up();
  }

 private:
  void begin() override {
    if (delay_ == delay_.zero()) return answer();
    deadline_.set(delay_);
  }
  void answer() { respond(Page{.body = fmt::format("after {} ms\n", delay_.count()), .fields = {}}); }

  const std::chrono::milliseconds delay_;
  Deadline deadline_;
};

Page tell_back(const Exchange& exchange) {
  const h2::HeaderList& request = exchange.request();
  rapidjson::StringBuffer buffer;
  JsonPageWriter writer(buffer);
  writer.SetIndent(' ', 2);
  writer.StartObject();
  write_json(writer, "method", request.get(":method"));
  write_json(writer, "scheme", request.get(":scheme"));
  write_json(writer, "authority", request.get(":authority"));
  write_json(writer, "path", request.get(":path"));
  write_json(writer, "client", exchange.origin().peer);
  writer.Key("tls");
  writer.Bool(exchange.origin().secure);
  writer.Key("headers");
  writer.StartArray();
  for (const h2::HeaderField field : request) {
    if (field.name.starts_with(':')) continue;
    writer.StartObject();
    write_json(writer, "name", field.name);
    write_json(writer, "value", field.value);
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  buffer.Put('\n');
  return {.type = "application/json", .body = buffer.GetString(), .fields = {}};
}

/// The number behind `prefix` if that is all of `path` and at most `max`.
std::optional<std::uint64_t> number_in(std::string_view path, std::string_view prefix, std::uint64_t max) {
  if (!path.starts_with(prefix)) return std::nullopt;
  path.remove_prefix(prefix.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), number);
  if (error != std::errc() || end != path.data() + path.size() || number > max) return std::nullopt;
  return number;
}

/// A body that says the status, except where there may be none (RFC 9110 §15.3.5, §15.3.6, §15.4.5).
Page status_page(int status) {
  if (status == 204 || status == 205 || status == 304) {
    return {.status = status, .type = "", .body = "", .fields = {}};
  }
  return {.status = status, .body = fmt::format("{}\n", status), .fields = {}};
}

Page not_found() {
  return {.status = 404, .body = "404 here are /, /bytes/N, /echo, /delay/MS, /status/N\n", .fields = {}};
}

}  // namespace

std::unique_ptr<Backend> make_demo_applet(const Exchange& exchange, EventLoop& loop, TurnEnd& turn_end) {
  const std::string_view path = path_of(exchange.request().get(":path"));
  if (path == "/" || path == "*") return make_page_applet(turn_end, kName, tell_back(exchange));
  if (path == "/echo") return std::make_unique<EchoApplet>(turn_end, kName);
  if (const auto size = number_in(path, "/bytes/", kMaxBytes)) {
    return std::make_unique<BytesApplet>(turn_end, *size);
  }
  if (const auto delay = number_in(path, "/delay/", kMaxDelay)) {
    return std::make_unique<DelayApplet>(loop, turn_end, std::chrono::milliseconds(*delay));
  }
  if (const auto status = number_in(path, "/status/", 599); status && *status >= 200) {
    return make_page_applet(turn_end, kName, status_page(static_cast<int>(*status)));
  }
  return make_page_applet(turn_end, kName, not_found());
}

}  // namespace gateway
