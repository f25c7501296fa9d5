#include "gateway/admin/streams.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <tuple>

#include "gateway/admin/applet.h"
#include "gateway/exchange.h"
#include "gateway/json.h"

namespace gateway {
namespace {

constexpr std::size_t kLimit = 100;
constexpr std::size_t kMaxLimit = 1000;
constexpr Duration kPatience = std::chrono::milliseconds(500);

double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

/// Nothing when the target has a query and that is not "limit=N" with an N of 1 to kMaxLimit.
std::optional<std::size_t> limit_of(std::string_view target) {
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return kLimit;
  constexpr std::string_view kKey = "limit=";
  const std::string_view query = target.substr(mark + 1);
  if (!query.starts_with(kKey)) return std::nullopt;
  std::size_t limit = 0;
  const char* const end = query.data() + query.size();
  const auto [rest, error] = std::from_chars(query.data() + kKey.size(), end, limit);
  if (error != std::errc{} || rest != end || limit < 1 || limit > kMaxLimit) return std::nullopt;
  return limit;
}

void write_side(JsonPageWriter& writer, std::string_view key, const StreamInfo::Side& side) {
  write_json_key(writer, key);
  writer.StartObject();
  writer.Key("blocks");
  writer.Uint64(side.blocks);
  writer.Key("bytes");
  writer.Uint64(side.bytes);
  writer.Key("promised");
  writer.Uint64(side.promised);
  write_json(writer, "pause", side.pause);
  writer.Key("paused_ms");
  writer.Double(milliseconds(side.paused));
  writer.EndObject();
}

void write_stream(JsonPageWriter& writer, std::size_t worker, const StreamInfo& stream) {
  writer.StartObject();
  writer.Key("worker");
  writer.Uint64(worker);
  write_json(writer, "connection", stream.connection);
  write_json(writer, "client", stream.client);
  writer.Key("stream");
  writer.Int(stream.stream);
  write_json(writer, "method", stream.method);
  write_json(writer, "path", stream.path);
  write_json(writer, "cluster", stream.cluster);
  write_json(writer, "endpoint", stream.endpoint);
  write_json(writer, "state", stream.state);
  writer.Key("blocks");
  writer.Uint64(stream.blocks());
  writer.Key("bytes");
  writer.Uint64(stream.bytes());
  write_side(writer, "request", stream.request);
  write_side(writer, "response", stream.response);
  writer.Key("age_ms");
  writer.Double(milliseconds(stream.age));
  writer.Key("connection_blocks");
  writer.Uint64(stream.connection_blocks);
  writer.Key("connection_bytes");
  writer.Uint64(stream.connection_bytes);
  writer.EndObject();
}

std::string streams_json(std::span<const StreamSample> samples, std::size_t limit, std::size_t missing) {
  std::vector<std::pair<std::size_t, const StreamInfo*>> all;  // with their workers
  std::size_t streams = 0;
  for (const StreamSample& sample : samples) {
    streams += sample.streams;
    for (const StreamInfo& stream : sample.largest) all.emplace_back(sample.worker, &stream);
  }
  std::ranges::stable_sort(all,
                           [](const auto& a, const auto& b) { return holds_more(*a.second, *b.second); });
  all.resize(std::min(all.size(), limit));

  rapidjson::StringBuffer buffer;
  JsonPageWriter writer(buffer);
  writer.SetIndent(' ', 2);
  writer.SetMaxDecimalPlaces(3);
  writer.StartObject();
  writer.Key("streams");
  writer.Uint64(streams);
  writer.Key("shown");
  writer.Uint64(all.size());
  writer.Key("workers_missing");
  writer.Uint64(missing);
  writer.Key("by_memory");
  writer.StartArray();
  for (const auto& [worker, stream] : all) write_stream(writer, worker, *stream);
  writer.EndArray();
  writer.EndObject();
  buffer.Put('\n');
  return {buffer.GetString(), buffer.GetSize()};
}

/// Waits for the workers. Their answers come through its own loop and find it by a note that outlives it.
class StreamsApplet final : public Applet {
 public:
  StreamsApplet(TurnEnd& turn_end, EventLoop& loop, StreamCollector& collector)
      : Applet(turn_end, "admin"),
        loop_(loop),
        collector_(collector),
        patience_(loop, [this] { answer(); }) {}
  ~StreamsApplet() override { note_->applet = nullptr; }

  void give_up() override {
    note_->applet = nullptr;
    patience_.clear();
    Applet::give_up();
  }

 private:
  struct Note {
    StreamsApplet* applet;  // null: gone, or it has answered. For the applet's thread
  };

  void begin() override {
    const auto limit = limit_of(exchange().request().get(":path"));
    if (!limit)
      return finish({.status = 400, .body = "400 the query is limit=N, N from 1 to 1000\n", .fields = {}});
    limit_ = *limit;
    patience_.set(kPatience);
    asked_ = collector_.collect(limit_, [note = note_, &loop = loop_](StreamSample sample) {
      loop.post([note, sample = std::move(sample)]() mutable {
        if (note->applet != nullptr) note->applet->take(std::move(sample));
      });
    });
    if (asked_ == 0) answer();
  }

  void take(StreamSample sample) {
    samples_.push_back(std::move(sample));
    if (samples_.size() == asked_) answer();
  }

  void answer() {
    finish({.type = "application/json",
            .body = streams_json(samples_, limit_, asked_ - samples_.size()),
            .fields = {}});
  }

  void finish(Page page) {
    note_->applet = nullptr;
    patience_.clear();
    samples_.clear();
    page.fields.add("cache-control", "no-store");
    respond(std::move(page));
  }

  EventLoop& loop_;
  StreamCollector& collector_;
  const std::shared_ptr<Note> note_ = std::make_shared<Note>(Note{this});
  std::vector<StreamSample> samples_;
  std::size_t limit_ = kLimit;
  std::size_t asked_ = 0;
  Deadline patience_;
};

}  // namespace

bool holds_more(const StreamInfo& a, const StreamInfo& b) {
  return std::tuple(a.blocks(), a.bytes(), a.age) > std::tuple(b.blocks(), b.bytes(), b.age);
}

std::unique_ptr<Backend> make_streams_applet(TurnEnd& turn_end, EventLoop& loop, StreamCollector& collector) {
  return std::make_unique<StreamsApplet>(turn_end, loop, collector);
}

}  // namespace gateway
