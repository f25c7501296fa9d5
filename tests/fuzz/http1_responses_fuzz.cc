// Http1Codec as it reads what backends send. The first byte says how, the rest is the text.

#include <array>

#include "gateway/http1/message_writer.h"
#include "tests/fuzz/codec_property.h"

namespace gateway::fuzz {
namespace {

/// What a client would get is the same response, and no other one behind it.
void write_again(const Told::Head& head, const Reading& reading) {
  std::string text;
  const WrittenHead written = write_response_head(head.fields, head.has_body, {.method = reading.method}, text);
  demand(written.error.empty() == !text.empty(), "an error writes nothing");
  if (text.empty()) return;
  const Told::Head again = read_written(text, reading);
  demand(again.fields.get(":status") == head.fields.get(":status"), "the status is kept");
  demand(again.has_body == head.has_body, "whether there is a body is kept");
  demand(plain_fields(again.fields) == plain_fields(head.fields), "the fields are kept");
}

}  // namespace
}  // namespace gateway::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gateway;
  using namespace gateway::fuzz;
  if (size == 0) return 0;
  constexpr std::array<std::string_view, 2> kMethods{"GET", "HEAD"};
  Reading reading{CodecRole::responses, kMethods[(data[0] & 4) / 4], {}, (data[0] & 1) != 0, false};
  if ((data[0] & 2) != 0) reading.limits = {.max_header_bytes = 256, .max_header_fields = 4};
  const Told told = read_all_ways({reinterpret_cast<const char*>(data + 1), size - 1}, reading, data[0]);
  for (const Told::Head& head : told.heads) write_again(head, reading);
  return 0;
}
