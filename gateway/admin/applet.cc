#include "gateway/admin/applet.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "gateway/exchange.h"
#include "gateway/http1/field_syntax.h"

namespace gateway {
namespace {

class PageApplet final : public Applet {
 public:
  PageApplet(TurnEnd& turn_end, std::string_view name, Page page)
      : Applet(turn_end, name), page_(std::move(page)) {}

 private:
  void begin() override { respond(std::move(page_)); }

  Page page_;
};

bool is_bodyless(std::string_view status) {
  return status == "204" || status == "304";
}

}  // namespace

void Applet::start(Exchange& exchange) {
  exchange_ = &exchange;
  exchange.response_body().set_producer(this);
  exchange.sent();
  if (exchange.request_has_body()) {
    exchange.request_body().set_consumer(this);
    exchange.request_body().accept();
    if (equals_ignoring_case(exchange.request().get("expect"), "100-continue")) {
      h2::HeaderList go_on;
      go_on.add(":status", "100");
      exchange.interim(std::move(go_on));
    }
    if (exchange.request_body().readable() > 0 || exchange.request_body().end() != pool::Pipe::End::open) {
      turn_end_.schedule(*this);
    }
  }
  begin();
}

void Applet::give_up() {
  if (exchange_->request_has_body()) exchange_->request_body().set_consumer(nullptr);
  exchange_->response_body().set_producer(nullptr);
  exchange_ = nullptr;
  fill_ = nullptr;
}

void Applet::at_turn_end() {
  if (!gone()) on_request_body();
}

void Applet::on_request_body() {
  pool::Pipe& body = exchange_->request_body();
  while (!gone() && body.readable() > 0) body.take(std::numeric_limits<std::size_t>::max());
}

void Applet::respond(h2::HeaderList head, std::uint64_t length, Fill fill) {
  const bool bodyless = is_bodyless(head.get(":status"));
  if (!bodyless) head.add("content-length", fmt::to_string(length));
  const bool has_body = !bodyless && length > 0 && exchange_->request().get(":method") != "HEAD";
  if (has_body) {
    fill_ = std::move(fill);
    length_ = length;
  }
  exchange_->respond(std::move(head), has_body);
  produce();
}

void Applet::respond(Page page) {
  h2::HeaderList fields = head(page.status, page.type);
  for (const h2::HeaderField field : page.fields) fields.add(field.name, field.value, field.sensitive);
  const std::uint64_t length = page.body.size();
  respond(std::move(fields), length,
          [body = std::move(page.body)](std::uint64_t offset, std::span<std::byte> piece) {
            std::memcpy(piece.data(), body.data() + offset, piece.size());
          });
}

h2::HeaderList Applet::head(int status, std::string_view type) {
  h2::HeaderList fields;
  fields.add(":status", fmt::to_string(status));
  if (!type.empty()) fields.add("content-type", type);
  return fields;
}

// Waits for the client to take before it takes a block, and for a block only while it has none. May be
// entered again from commit() and from the client's acceptance in respond().
void Applet::produce() {
  while (fill_ && exchange_->response_body().accepting()) {
    pool::Pipe& pipe = exchange_->response_body();
    std::span<std::byte> space = pipe.writable();
    if (space.empty()) {
      if (pipe.invite() == 0) return;
      continue;
    }
    space = space.first(static_cast<std::size_t>(std::min<std::uint64_t>(space.size(), length_ - offset_)));
    fill_(offset_, space);
    offset_ += space.size();
    const bool is_last = offset_ == length_;
    if (is_last) fill_ = nullptr;
    pipe.commit(space.size());
    if (is_last) pipe.finish();
  }
}

std::unique_ptr<Backend> make_page_applet(TurnEnd& turn_end, std::string_view name, Page page) {
  return std::make_unique<PageApplet>(turn_end, name, std::move(page));
}

std::string_view path_of(std::string_view target) {
  return target.substr(0, target.find('?'));
}

}  // namespace gateway
