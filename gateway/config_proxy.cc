#include "gateway/config_proxy.h"

#include <fmt/format.h>

#include <array>

namespace gateway {

void read_proxy_listener(TableReader& table, ListenerConfig& listener) {
  const bool is_right =
      table.boolean("proxy_protocol", listener.proxy_protocol) || table.ask("proxy_protocol") == nullptr;
  std::vector<TableReader::Text> texts;
  if (!table.strings("trusted", TableReader::Single::no, texts) && table.ask("trusted") != nullptr) return;
  for (const auto& text : texts) {
    std::string why;
    if (auto network = Network::parse(text.value, why)) {
      listener.trusted.push_back(std::move(*network));
    } else {
      table.reading().mistakes.error(text.place, fmt::format("{}: {}", table.full("trusted"), why));
    }
  }
  if (!is_right) return;
  if (listener.proxy_protocol && texts.empty() && !listener.address.is_unix &&
      !listener.address.host.empty()) {
    table.wrong("proxy_protocol",
                "is true, but nobody is trusted to send a PROXY header; name the proxies in front, like "
                "trusted = [\"10.0.0.0/8\"]");
  } else if (!listener.proxy_protocol && !texts.empty()) {
    table.wrong("trusted", "is of no effect without proxy_protocol = true; add that, or leave this out");
  }
}

void read_proxy_cluster(TableReader& table, ClusterConfig& cluster) {
  constexpr std::array<std::string_view, 3> kWords{"none", "v1", "v2"};
  std::size_t index = 0;
  if (!table.choice("proxy_protocol", kWords, index)) return;
  cluster.proxy_protocol = static_cast<ProxyVersion>(index);
  if (cluster.proxy_protocol == ProxyVersion::none) return;
  if (cluster.protocol == Protocol::h2 || cluster.tls) {
    table.wrong("proxy_protocol",
                fmt::format("is \"{}\", but this cluster has {}; a PROXY header goes to cleartext "
                            "HTTP/1.1 only, on a connection of its own for each request",
                            kWords[index], cluster.tls ? "tls" : "protocol \"h2\""));
  }
}

}  // namespace gateway
