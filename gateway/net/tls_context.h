#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct ssl_ctx_st;
struct ssl_st;

namespace gateway {

struct SslCtxDeleter {
  void operator()(ssl_ctx_st* context) const;
};
using SslCtxPtr = std::unique_ptr<ssl_ctx_st, SslCtxDeleter>;

/// What OpenSSL allocates with, in the whole process: as counted_realloc(). False if it has allocated already; then nothing
/// changes. Called once, before anything else of OpenSSL.
using TlsReallocate = void*(void* memory, std::size_t size) noexcept;
bool set_tls_allocator(TlsReallocate* reallocate);

/// What connections that come in under TLS have in common: TLS 1.2 and 1.3, certificates with their keys,
/// ALPN.
///
/// AES-128-GCM for whoever takes it. For TLS 1.2 only forward-secret AEAD ciphers (RFC 9113 §9.2.2), no renegotiation, no compression. Session
/// tickets, no session cache. Any thread may use it; must outlive the transports that are made with it.
class TlsServerContext {
 public:
  struct KeyPair {
    std::string certificate;  // a PEM file: the certificate, then those between it and its CA
    std::string key;          // a PEM file, without a passphrase
  };
  struct Options {
    std::vector<KeyPair> key_pairs{};  // at least one; at most one for each kind of key (ECDSA, RSA)
    /// Best first. A client that offers others only gets the alert no_application_protocol (RFC 7301 §3.2).
    std::vector<std::string> alpn{};
    bool require_alpn = false;  // a client that offers nothing gets that alert too
  };

  /// Null on failure; then `why` names the file and the reason: "certs/a.crt: no such file or directory".
  static std::unique_ptr<TlsServerContext> make(const Options& options, std::string& why);

  ssl_ctx_st* raw() const { return context_.get(); }

 private:
  TlsServerContext(SslCtxPtr context, std::string alpn)
      : context_(std::move(context)), alpn_(std::move(alpn)) {}
  static int select_alpn(ssl_st*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                         unsigned in_size, void* self);

  SslCtxPtr context_;
  const std::string alpn_;  // as on the wire
};

/// What connections towards backends under TLS have in common. Any thread may use it.
class TlsClientContext {
 public:
  struct Options {
    bool verify = true;         // the chain, and the name (RFC 9110 §4.3.4)
    std::string ca_file{};      // PEM; "": the system's store
    std::string server_name{};  // for SNI and to verify; "": the name that each connection is made with
    std::vector<std::string> alpn{};
  };

  /// As TlsServerContext::make().
  static std::unique_ptr<TlsClientContext> make(const Options& options, std::string& why);

  ssl_ctx_st* raw() const { return context_.get(); }
  bool verifies() const { return verify_; }
  const std::string& server_name() const { return server_name_; }

 private:
  TlsClientContext(SslCtxPtr context, const Options& options)
      : context_(std::move(context)), verify_(options.verify), server_name_(options.server_name) {}

  SslCtxPtr context_;
  const bool verify_;
  const std::string server_name_;
};

}  // namespace gateway
