#pragma once

#include <memory>
#include <string_view>

#include "gateway/exchange.h"
#include "h2/stream.h"

namespace gateway {

struct WorkerParts;

/// A client's HTTP/2 stream and its exchange: what comes on the one is told to the other.
/// Owned by its ClientConnection; ends with its stream.
class ClientStream final : private h2::StreamEvents, private ExchangeClient {
 public:
  class Owner {
   public:
    /// The stream is over; bury `stream`.
    virtual void on_stream_over(ClientStream& stream) = 0;

   protected:
    ~Owner() = default;
  };

  ClientStream(const WorkerParts& worker, const Exchange::Parts& parts, pool::TurnGroup& group, h2::Stream& stream,
               h2::HeaderList request, bool request_has_body, RequestOrigin origin, Owner& owner);
  ~ClientStream();

  /// Starts the exchange; answers with `refusal` instead if there is one.
  void start(const Error* refusal);
  const Exchange& exchange() const { return exchange_; }
  /// Null: it is over.
  const h2::Stream* stream() const { return stream_; }
  /// Bytes that it holds, as admission reckons.
  std::size_t cost() const { return cost_; }

  std::size_t slot = 0;  // in its owner's set

 private:
  void on_headers(h2::Stream& stream, h2::HeadersKind kind, h2::HeaderList&& headers, bool end_stream,
                  bool oversized) override;
  const h2::HeaderList* trailers(h2::Stream& stream) override;
  void on_closed(h2::Stream& stream, h2::ErrorCode code, bool by_peer) override;
  void on_interim(const h2::HeaderList& head) override;
  void on_response() override;
  void on_failed(const Error& error) override;
  void record() const;

  const WorkerParts& worker_;
  Owner& owner_;
  h2::Stream* stream_;
  const std::size_t cost_;
  Exchange exchange_;
};

}  // namespace gateway
