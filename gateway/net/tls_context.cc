#include "gateway/net/tls_context.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <cerrno>
#include <cstdio>
#include <set>

#include "gateway/net/socket.h"

namespace gateway {

namespace {

TlsReallocate* tls_reallocate = nullptr;

// AES-128 first: nobody breaks it either (RFC 8446 §9.1 has it as the one that must be there), and it costs
// less a byte (10 rounds, not 14) than AES-256, which OpenSSL's own order begins with.
constexpr const char* kSuites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kTls12Ciphers = "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr std::string_view kSessionContext = "gateway";

template <auto free_it>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    free_it(object);
  }
};
using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;

/// The reason of the first error in OpenSSL's queue, which is empty afterwards.
std::string take_error() {
  const char* reason = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return reason != nullptr ? reason : "unknown error";
}

bool readable(const std::string& path, std::string& why) {
  const std::unique_ptr<FILE, Deleter<std::fclose>> file(std::fopen(path.c_str(), "re"));
  // A directory can be opened but not read.
  if (file && (std::fgetc(file.get()) != EOF || !std::ferror(file.get()))) return true;
  why = fmt::format("{}: {}", path, error_text(errno));
  return false;
}

/// For OpenSSL, which would ask at the terminal. `asked`, if there is one, is a bool that becomes true.
int no_passphrase(char*, int, int, void* asked) {
  if (asked != nullptr) *static_cast<bool*>(asked) = true;
  return -1;
}

KeyPtr read_key(const std::string& path, std::string& why) {
  const BioPtr file(BIO_new_file(path.c_str(), "r"));
  bool passphrase = false;
  KeyPtr key(PEM_read_bio_PrivateKey(file.get(), nullptr, no_passphrase, &passphrase));
  if (key) return key;
  const unsigned long error = ERR_peek_error();
  const bool no_pem = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  std::string reason = take_error();
  if (no_pem || reason == "unsupported") reason = "no private key in PEM form";
  if (passphrase) reason = "the key has a passphrase; give a key without one";
  why = fmt::format("{}: {}", path, reason);
  return nullptr;
}

std::string certificate_error(const std::string& path) {
  const int code = ERR_GET_REASON(ERR_peek_error());
  const std::string reason = take_error();
  const bool no_pem = code == PEM_R_NO_START_LINE || code == X509_R_NO_CERTIFICATE_OR_CRL_FOUND;
  return fmt::format("{}: {}", path, no_pem ? "no certificate in PEM form" : reason);
}

bool use_pair(SSL_CTX* context, const TlsServerContext::KeyPair& pair, std::set<int>& kinds,
              std::string& why) {
  if (!readable(pair.certificate, why) || !readable(pair.key, why)) return false;
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, pair.certificate.c_str()) != 1) {
    why = certificate_error(pair.certificate);
    return false;
  }
  X509* certificate = SSL_CTX_get0_certificate(context);
  const KeyPtr key = read_key(pair.key, why);
  if (!key) return false;
  if (X509_check_private_key(certificate, key.get()) != 1) {
    why = fmt::format("key {} does not match certificate {}", pair.key, pair.certificate);
    ERR_clear_error();
    return false;
  }
  if (!kinds.insert(EVP_PKEY_get_base_id(key.get())).second) {
    why = fmt::format("{}: a second certificate with the same kind of key; one ECDSA and one RSA can be had",
                      pair.certificate);
    return false;
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) == 1) return true;
  why = fmt::format("{}: {}", pair.key, take_error());
  return false;
}

/// RFC 7301 §3.1: each name with its length in front.
bool encode_alpn(const std::vector<std::string>& names, std::string& wire, std::string& why) {
  for (const std::string& name : names) {
    if (name.empty() || name.size() > 255) {
      why = fmt::format("\"{}\" cannot be a protocol's name (ALPN): it has 1 to 255 bytes", name);
      return false;
    }
    wire += static_cast<char>(name.size());
    wire += name;
  }
  return true;
}

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

int refuse_without_alpn(SSL* ssl, int* alert, void*) {
  const unsigned char* extension = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &extension, &size) ==
      1) {
    return SSL_CLIENT_HELLO_SUCCESS;
  }
  *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
  return SSL_CLIENT_HELLO_ERROR;
}

SslCtxPtr make_context(const SSL_METHOD* method, std::string& why) {
  ignore_sigpipe();
  ERR_clear_error();
  SslCtxPtr context(SSL_CTX_new(method));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(context.get(), kSuites) != 1 ||
      SSL_CTX_set_cipher_list(context.get(), kTls12Ciphers) != 1) {
    why = "OpenSSL: " + take_error();
    return nullptr;
  }
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Idle connections give their 33 KiB of record buffers back; what waits to be written may move between two
  // tries.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_default_passwd_cb(context.get(), no_passphrase);  // the default asks at the terminal
  SSL_CTX_set_read_ahead(context.get(), 1);  // a record's header and body in one system call
  return context;
}

}  // namespace

bool set_tls_allocator(TlsReallocate* reallocate) {
  tls_reallocate = reallocate;
  return CRYPTO_set_mem_functions(
             [](std::size_t size, const char*, int) { return tls_reallocate(nullptr, size); },
             [](void* memory, std::size_t size, const char*, int) { return tls_reallocate(memory, size); },
             [](void* memory, const char*, int) {
               if (memory != nullptr) tls_reallocate(memory, 0);
             }) == 1;
}

void SslCtxDeleter::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}

std::unique_ptr<TlsServerContext> TlsServerContext::make(const Options& options, std::string& why) {
  SslCtxPtr context = make_context(TLS_server_method(), why);
  if (!context) return nullptr;
  SSL_CTX* raw = context.get();
  if (options.key_pairs.empty()) {
    why = "TLS needs a certificate and its key";
    return nullptr;
  }
  std::set<int> kinds;
  for (const KeyPair& pair : options.key_pairs) {
    if (!use_pair(raw, pair, kinds, why)) return nullptr;
  }
  std::string alpn;
  if (!encode_alpn(options.alpn, alpn, why)) return nullptr;

  SSL_CTX_set_options(raw, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_session_id_context(raw, bytes(kSessionContext), static_cast<unsigned>(kSessionContext.size()));
  SSL_CTX_set_num_tickets(raw, 1);
  if (options.require_alpn) SSL_CTX_set_client_hello_cb(raw, refuse_without_alpn, nullptr);
  std::unique_ptr<TlsServerContext> self(new TlsServerContext(std::move(context), std::move(alpn)));
  if (!self->alpn_.empty()) SSL_CTX_set_alpn_select_cb(raw, select_alpn, self.get());
  return self;
}

int TlsServerContext::select_alpn(SSL*, const unsigned char** out, unsigned char* out_size,
                                  const unsigned char* in, unsigned in_size, void* self) {
  const std::string& ours = static_cast<const TlsServerContext*>(self)->alpn_;
  unsigned char* selected = nullptr;
  const int result = SSL_select_next_proto(&selected, out_size, bytes(ours),
                                           static_cast<unsigned>(ours.size()), in, in_size);
  *out = selected;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

std::unique_ptr<TlsClientContext> TlsClientContext::make(const Options& options, std::string& why) {
  SslCtxPtr context = make_context(TLS_client_method(), why);
  if (!context) return nullptr;
  SSL_CTX* raw = context.get();
  if (!options.ca_file.empty()) {
    if (!readable(options.ca_file, why)) return nullptr;
    if (SSL_CTX_load_verify_file(raw, options.ca_file.c_str()) != 1) {
      why = certificate_error(options.ca_file);
      return nullptr;
    }
  } else if (options.verify && SSL_CTX_set_default_verify_paths(raw) != 1) {
    why = "the system's store of certificates: " + take_error();
    return nullptr;
  }
  SSL_CTX_set_verify(raw, options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  std::string alpn;
  if (!encode_alpn(options.alpn, alpn, why)) return nullptr;
  // Unlike the rest of OpenSSL this returns 0 on success.
  if (!alpn.empty() && SSL_CTX_set_alpn_protos(raw, bytes(alpn), static_cast<unsigned>(alpn.size())) != 0) {
    why = "OpenSSL: " + take_error();
    return nullptr;
  }
  return std::unique_ptr<TlsClientContext>(new TlsClientContext(std::move(context), options));
}

}  // namespace gateway
