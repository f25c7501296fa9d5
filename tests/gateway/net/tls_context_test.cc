#include "gateway/net/tls_context.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "tests/gateway/net/test_certificates.h"

namespace gateway {
namespace {

using testing::EndsWith;
using testing::StartsWith;

std::string contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct TlsContextTest : testing::Test {
  static void SetUpTestSuite() { certs = new TestCertificates; }
  static void TearDownTestSuite() { delete certs; }

  std::string server_error(std::vector<TlsServerContext::KeyPair> pairs) {
    std::string why;
    EXPECT_EQ(TlsServerContext::make({.key_pairs = std::move(pairs), .alpn = {"h2"}}, why), nullptr);
    return why;
  }
  std::string made(const char* file) { return (*certs)(file); }
  static inline TestCertificates* certs = nullptr;
};

TEST_F(TlsContextTest, TakesAnEcdsaAndAnRsaPair) {
  std::string why;
  EXPECT_NE(TlsServerContext::make({.key_pairs = {{made("localhost.crt"), made("localhost.key")},
                                                  {made("localhost-rsa.crt"), made("localhost-rsa.key")}},
                                    .alpn = {"h2"}},
                                   why),
            nullptr)
      << why;
}

TEST_F(TlsContextTest, NamesTheFileAndTheReason) {
  const std::string crt = made("localhost.crt");
  const std::string key = made("localhost.key");
  EXPECT_EQ(server_error({{"/nowhere/x.crt", key}}), "/nowhere/x.crt: no such file or directory");
  EXPECT_EQ(server_error({{crt, "/nowhere/x.key"}}), "/nowhere/x.key: no such file or directory");
  EXPECT_EQ(server_error({{"/tmp", key}}), "/tmp: is a directory");
  EXPECT_EQ(server_error({{crt, made("other.key")}}),
            "key " + made("other.key") + " does not match certificate " + crt);
  EXPECT_EQ(server_error({{crt, made("localhost-rsa.key")}}),
            "key " + made("localhost-rsa.key") + " does not match certificate " + crt);
  EXPECT_EQ(server_error({{key, key}}), key + ": no certificate in PEM form");
  EXPECT_EQ(server_error({{crt, crt}}), crt + ": no private key in PEM form");
  EXPECT_EQ(server_error({{made("made"), key}}), made("made") + ": no certificate in PEM form");
  EXPECT_THAT(server_error({{crt, key}, {made("other.crt"), made("other.key")}}),
              StartsWith(made("other.crt") + ": a second"));
  EXPECT_EQ(server_error({}), "TLS needs a certificate and its key");
}

TEST_F(TlsContextTest, RefusesAKeyWithAPassphraseAndDoesNotAskForIt) {
  const std::string locked = made("locked.key");
  const std::string command =
      "openssl pkey -aes128 -passout pass:secret -in " + made("localhost.key") + " -out " + locked;
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(server_error({{made("localhost.crt"), locked}}),
            locked + ": the key has a passphrase; give a key without one");
}

TEST_F(TlsContextTest, ClientNamesTheCaFile) {
  std::string why;
  EXPECT_EQ(TlsClientContext::make({.ca_file = "/nowhere/ca.crt"}, why), nullptr);
  EXPECT_EQ(why, "/nowhere/ca.crt: no such file or directory");
  EXPECT_EQ(TlsClientContext::make({.ca_file = made("ca.key")}, why), nullptr);
  EXPECT_THAT(why, EndsWith("ca.key: no certificate in PEM form"));
  EXPECT_NE(TlsClientContext::make({.ca_file = made("ca.crt")}, why), nullptr);
  EXPECT_NE(TlsClientContext::make({}, why), nullptr) << why;
}

TEST_F(TlsContextTest, ScriptKeepsWhatIsGoodAndReplacesWhatIsNot) {
  const TestCertificates own;
  const std::string before = contents(own("localhost.crt"));
  const std::string other_before = contents(own("other.crt"));
  std::filesystem::remove(own("localhost.key"));
  const std::string folder = std::filesystem::path(own("ca.crt")).parent_path();
  ASSERT_EQ(
      std::system(("'" GATEWAY_SOURCE_DIR "/certs/make_certs.sh' " + folder + " > " + own("made")).c_str()),
      0);
  EXPECT_NE(contents(own("localhost.crt")), before);
  EXPECT_EQ(contents(own("other.crt")), other_before);
  const std::string printed = contents(own("made"));
  EXPECT_EQ(std::ranges::count(printed, '\n'), 1) << printed;
  struct stat key;
  ASSERT_EQ(::stat(own("localhost.key").c_str(), &key), 0);
  EXPECT_EQ(key.st_mode & 0777U, 0600U);
}

}  // namespace
}  // namespace gateway
