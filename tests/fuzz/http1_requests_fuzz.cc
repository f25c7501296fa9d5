// Http1Codec as it reads what clients send. The first byte says how, the rest is the text.

#include "gateway/http1/message_writer.h"
#include "tests/fuzz/codec_property.h"

namespace gateway::fuzz {
namespace {

// As client_request(): what the target does not say, Host does.
h2::HeaderList with_authority(const h2::HeaderList& head) {
  h2::HeaderList request;
  request.add(":authority", head.find(":authority") ? head.get(":authority") : head.get("host"));
  for (const h2::HeaderField field : head) {
    if (field.name != ":authority" && field.name != "host") request.add(field.name, field.value);
  }
  return request;
}

/// What a backend would get is the same request, and no other one behind it.
void write_again(const Told::Head& head, const Reading& reading) {
  const h2::HeaderList request = with_authority(head.fields);
  std::string text;
  const WrittenHead written = write_request_head(request, head.has_body, text);
  demand(written.error.empty() == !text.empty(), "an error writes nothing");
  if (text.empty()) return;
  const Told::Head again = read_written(text, reading);
  demand(again.fields.get(":method") == request.get(":method"), "the method is kept");
  demand(again.fields.get(":path") == request.get(":path"), "the path is kept");
  demand(again.fields.get("host") == request.get(":authority"), "the authority is kept");
  demand(again.has_body == head.has_body, "whether there is a body is kept");
  demand(plain_fields(again.fields) == plain_fields(request), "the fields are kept");
  std::string twice;
  demand(write_request_head(with_authority(again.fields), again.has_body, twice).error.empty(),
         "it can be written again");
  demand(twice == text, "written again it is the same");
}

}  // namespace
}  // namespace gateway::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  gateway::fuzz::run({data, size}, gateway::CodecRole::requests, gateway::fuzz::write_again);
  return 0;
}
