#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gateway/backend.h"
#include "gateway/turn_end.h"
#include "h2/header_list.h"
#include "pool/pipe.h"

namespace gateway {

/// What a page says. `fields` are added to the head as they are.
struct Page {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
  h2::HeaderList fields;
};

/// A backend without a socket: it makes its answer itself and writes it through the exchange's pipe like any
/// other, in place, as far as there is room, and goes on when room comes. It takes the request's body too,
/// and drops it unless a derived applet does something with it, so that the client can send it to its end.
class Applet : public Backend,
               protected pool::PipeProducer,
               protected pool::PipeConsumer,
               protected TurnEndTask {
 public:
  void start(Exchange& exchange) final;
  void give_up() override;
  std::string_view name() const final { return name_; }

 protected:
  /// Writes the body's bytes from `offset` on into all of `piece`.
  using Fill = std::function<void(std::uint64_t offset, std::span<std::byte> piece)>;

  /// `name` is a constant: "admin", "demo".
  Applet(TurnEnd& turn_end, std::string_view name) : turn_end_(turn_end), name_(name) {}

  /// The request's head is here. Call respond() now or later.
  virtual void begin() = 0;
  /// Bytes of the request's body can be taken, or it has ended. Called at a turn's end.
  virtual void on_request_body();
  /// There may be room in the response's pipe.
  void on_room() override { produce(); }

  /// Answers with a body of `length` bytes that `fill` makes as there is room. Adds content-length to `head`.
  /// A HEAD request gets the head alone, as do 204 and 304.
  void respond(h2::HeaderList head, std::uint64_t length, Fill fill);
  void respond(Page page);
  static h2::HeaderList head(int status, std::string_view type);

  bool gone() const { return exchange_ == nullptr; }
  /// REQUIRES: !gone().
  Exchange& exchange() { return *exchange_; }

 private:
  void on_readable() final { turn_end_.schedule(*this); }
  void at_turn_end() final;
  void produce();

  TurnEnd& turn_end_;
  const std::string_view name_;
  Exchange* exchange_ = nullptr;
  Fill fill_;  // set while a body is being written
  std::uint64_t length_ = 0;
  std::uint64_t offset_ = 0;
};

/// An applet that answers `page` at once.
std::unique_ptr<Backend> make_page_applet(TurnEnd& turn_end, std::string_view name, Page page);

/// The path of `target` (":path") without its query.
std::string_view path_of(std::string_view target);

}  // namespace gateway
