// Http1Codec as it reads what backends send. The first byte says how, the rest is the text.

#include "gateway/http1/message_writer.h"
#include "tests/fuzz/codec_property.h"

namespace gateway::fuzz {
namespace {

/// What a client would get is the same response, and no other one behind it.
void write_again(const Told::Head& head, const Reading& reading) {
  std::string text;
  const WrittenHead written =
      write_response_head(head.fields, head.has_body, {.method = reading.method}, text);
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
  gateway::fuzz::run({data, size}, gateway::CodecRole::responses, gateway::fuzz::write_again);
  return 0;
}
