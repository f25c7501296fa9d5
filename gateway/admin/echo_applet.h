#pragma once

#include "gateway/admin/applet.h"

namespace gateway {

/// Sends the request's body back as it comes, with its content-type and trailers; each byte is copied once,
/// from its slice into the response's block. The response's pipe may pause, and then so does the request's:
/// bytes are taken only when there is space for them. Its head goes out at once, and a body that is cut short
/// fails the exchange.
class EchoApplet final : public Applet {
 public:
  EchoApplet(TurnEnd& turn_end, std::string_view name) : Applet(turn_end, name) {}

 private:
  void begin() override;
  void on_request_body() override { copy(); }
  void on_room() override { copy(); }
  void copy();
  bool copy_piece();

  bool responding_ = false;  // with a body
};

}  // namespace gateway
