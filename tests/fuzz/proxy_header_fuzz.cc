// The reader of PROXY headers: the first byte says how the rest is cut.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "gateway/net/proxy_header.h"

namespace gateway::fuzz {
namespace {

void demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "property: %s\n", what);
  std::abort();
}

struct Read {
  std::size_t taken = 0;
  std::string told;
  std::optional<Address> client;
  bool operator==(const Read& other) const { return taken == other.taken && told == other.told; }
};

/// In pieces of `step` bytes.
Read read(std::string_view text, std::size_t step) {
  ProxyHeader header;
  Read result;
  while (!text.empty() && !header.done() && header.error().empty()) {
    const std::string_view piece = text.substr(0, step);
    const std::size_t taken = header.accept(std::as_bytes(std::span(piece)));
    demand(taken <= piece.size(), "no more is taken than was fed");
    demand(taken == piece.size() || header.done() || !header.error().empty(), "what is not whole takes all");
    result.taken += taken;
    text.remove_prefix(taken);
  }
  demand(!header.done() || header.error().empty(), "it is right or wrong");
  if (header.done()) result.client = header.client();
  result.told = !header.error().empty() ? std::string(header.error()) : !header.done() ? "more" : result.client ? result.client->text : "own";
  return result;
}

// What is told of a client is told on as it was.
void write_again(const Address& client) {
  for (const ProxyVersion version : {ProxyVersion::v1, ProxyVersion::v2}) {
    const std::string text = proxy_header(version, client, client);
    const Read again = read(text, text.size());
    demand(again.taken == text.size(), "what was written is one header");
    demand(again.client && again.client->text == client.text, "the client is kept");
  }
}

}  // namespace
}  // namespace gateway::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gateway::fuzz;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const Read whole = read(text, SIZE_MAX);
  demand(read(text, 1) == whole, "byte by byte is the same");
  demand(read(text, 1 + data[0]) == whole, "cut anywhere is the same");
  if (whole.client) write_again(*whole.client);
  return 0;
}
