#pragma once

#include "gateway/client_exchange.h"
#include "h2/stream.h"

namespace gateway {

/// A client's HTTP/2 stream and its exchange: what comes on the one is told to the other. It ends with its stream,
/// but in a tunnel, where bytes may still be on their way to the backend when the stream is over. Owned by its H2Client.
class ClientStream final : public ClientExchange, private h2::StreamEvents {
 public:
  class Owner {
   public:
    /// The stream is over; bury `stream`.
    virtual void on_stream_over(ClientStream& stream) = 0;
    /// Whether there is memory for trailers, or a header section of the response, of so many bytes.
    virtual bool admits_section(std::size_t bytes) = 0;

   protected:
    ~Owner() = default;
  };

  ClientStream(const WorkerParts& worker, const Exchange::Parts& parts, pool::TurnGroup& group,
               h2::Stream& stream, h2::HeaderList request, bool request_has_body, RequestOrigin origin,
               Owner& owner);

  /// Null: it is over.
  const h2::Stream* stream() const { return stream_; }
  /// Ends an exchange that has outlived its stream.
  void end(std::string_view reason);

 private:
  void on_headers(h2::Stream& stream, h2::HeadersKind kind, h2::HeaderList&& headers, bool end_stream,
                  bool oversized) override;
  void on_priority(h2::Stream& stream, std::string_view value) override;
  bool admits_headers(h2::Stream&, std::size_t bytes) override { return owner_.admits_section(bytes); }
  const h2::HeaderList* trailers(h2::Stream& stream) override;
  void on_closed(h2::Stream& stream, h2::ErrorCode code, bool by_peer) override;
  void on_interim(const h2::HeaderList& head) override;
  void respond() override;
  void on_failed(const Error& error) override;
  void on_tunnel_over() override;
  bool admits_section(std::size_t bytes) override { return owner_.admits_section(bytes); }

  Owner& owner_;
  h2::Stream* stream_;
};

}  // namespace gateway
