// Mistakes that lie outside of the text: files, keys that do not match, addresses that are in use. And the
// command line's form.

#include "gateway/config_check.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gateway/config_file.h"
#include "gateway/config_quick.h"
#include "gateway/net/listener.h"

namespace gateway {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines(const Mistakes& mistakes) {
  std::vector<std::string> result;
  for (const Mistake& mistake : mistakes.all()) result.push_back(mistake.to_string());
  return result;
}
using Lines = std::vector<std::string>;

class ConfigCheck : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new fs::path(fs::path(testing::TempDir()) / ("config_check_" + std::to_string(::getpid())));
    const std::string command = "sh " GATEWAY_SOURCE_DIR "/certs/make_certs.sh " +
                                (*directory_ / "certs").string() + " >/dev/null 2>&1";
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    std::ofstream(*directory_ / "text.crt") << "text\n";
  }
  static void TearDownTestSuite() {
    fs::remove_all(*directory_);
    delete directory_;
  }

  static std::string path(const std::string& name) { return (*directory_ / name).string(); }
  static std::string file() { return path("g.toml"); }

  // Line 3 of the document is `listener`, line 7 `cluster`.
  static LoadedConfig read(const std::string& listener, const std::string& cluster = "") {
    return read_config("[[listener]]\naddress = \"127.0.0.1:0\"\n" + listener +
                           "\n[[cluster]]\nname = \"app\"\nendpoints = [\"a:80\"]\n" + cluster +
                           "\n[[route]]\ncluster = \"app\"\n",
                       file());
  }
  static Lines mistakes(const std::string& listener, const std::string& cluster = "") {
    return lines(read(listener, cluster).mistakes);
  }
  static std::string at(int line, int column, const std::string& text) {
    return file() + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + text;
  }

  static fs::path* directory_;
};
fs::path* ConfigCheck::directory_ = nullptr;

TEST_F(ConfigCheck, TakesCertificatesThatMatchTheirKeys) {
  const LoadedConfig loaded = read(
      "tls = { certificate = [\"certs/localhost.crt\", \"certs/localhost-rsa.crt\"], "
      "key = [\"certs/localhost.key\", \"certs/localhost-rsa.key\"] }",
      "tls = { ca = \"certs/ca.crt\" }");
  EXPECT_EQ(lines(loaded.mistakes), Lines{});
  ASSERT_TRUE(loaded.config);
  const auto& pairs = loaded.config->listeners[0].tls.value().pairs;
  ASSERT_EQ(pairs.size(), 2U);
  EXPECT_EQ(pairs[1].certificate, path("certs/localhost-rsa.crt"));
  EXPECT_EQ(pairs[1].key, path("certs/localhost-rsa.key"));
  EXPECT_EQ(loaded.config->clusters[0].tls.value().ca, path("certs/ca.crt"));
}

TEST_F(ConfigCheck, AKeyOfAnotherCertificate) {
  EXPECT_EQ(
      mistakes("tls = { certificate = \"certs/localhost.crt\", key = \"certs/other.key\" }"),
      Lines{at(3, 52,
               "listener.tls.key: key " + path("certs/other.key") + " does not match certificate " +
                   path("certs/localhost.crt") + "; name a certificate and the key that it was made with")});
}

TEST_F(ConfigCheck, FilesThatAreNotThere) {
  const std::string remedy = ", relative paths start at the configuration file's directory";
  EXPECT_EQ(
      mistakes("tls = { certificate = \"certs/no.crt\", key = \"certs\" }", "tls = { ca = \"no.crt\" }"),
      (Lines{at(3, 23,
                "listener.tls.certificate \"" + path("certs/no.crt") +
                    "\" cannot be read: no such file or directory; name a PEM file with a certificate chain" +
                    remedy),
             at(3, 45,
                "listener.tls.key \"" + path("certs") +
                    "\" cannot be read: is a directory; name a PEM file with the certificate's key" + remedy),
             at(7, 14,
                "cluster.tls.ca \"" + path("no.crt") +
                    "\" cannot be read: no such file or directory; name a PEM file with the certificates to "
                    "trust" +
                    remedy)}));
}

TEST_F(ConfigCheck, FilesThatAreSomethingElse) {
  EXPECT_EQ(
      mistakes("tls = { certificate = \"text.crt\", key = \"certs/localhost.key\" }"),
      Lines{at(3, 23,
               "listener.tls.certificate: " + path("text.crt") +
                   ": no certificate in PEM form; name a certificate and the key that it was made with")});
  EXPECT_EQ(
      mistakes("tls = { certificate = \"certs/localhost.crt\", key = \"text.crt\" }"),
      Lines{at(3, 52,
               "listener.tls.key: " + path("text.crt") +
                   ": no private key in PEM form; name a certificate and the key that it was made with")});
  const Lines ca = mistakes("", "tls = { ca = \"text.crt\" }");
  ASSERT_EQ(ca.size(), 1U);
  EXPECT_TRUE(ca[0].starts_with(at(7, 14, "cluster.tls.ca: " + path("text.crt") + ": "))) << ca[0];
}

TEST_F(ConfigCheck, AsManyKeysAsCertificates) {
  EXPECT_EQ(
      mistakes("tls = { certificate = [\"certs/localhost.crt\"], key = [] }"),
      Lines{
          at(3, 54,
             "listener.tls.key has 0 and listener.tls.certificate has 1; each certificate needs its key, in "
             "the same order")});
  EXPECT_EQ(mistakes("tls = { certificate = \"certs/localhost.crt\" }"),
            Lines{at(3, 7, "listener.tls.key is missing; write key = \"localhost.key\"")});
}

TEST_F(ConfigCheck, TheAccessLogNeedsADirectory) {
  const Lines found = mistakes("", "[log]\naccess = \"no/access.log\"");
  EXPECT_EQ(
      found,
      Lines{at(8, 10,
               "log.access \"" + path("no/access.log") +
                   "\" cannot be written: no such file or directory; name a file in a directory that is "
                   "there and may be written, \"stdout\" or \"off\"")});
}

TEST_F(ConfigCheck, AnAddressInUse) {
  std::string why;
  const auto holder = ListeningSocket::open(numeric_address({"127.0.0.1", 0, false}).value(), why);
  ASSERT_TRUE(holder) << why;
  const std::string address = holder->bound_address().text;
  LoadedConfig loaded =
      read_config("[[listener]]\naddress = \"" + address +
                      "\"\n[[cluster]]\nname = \"a\"\nprotocol = \"demo\"\n[[route]]\ncluster = "
                      "\"a\"\n[admin]\naddress = \"127.0.0.1:0\"\n",
                  "g.toml");
  ASSERT_TRUE(loaded.config);
  const std::string text =
      "listener.address: address " + address +
      " is in use by another program; choose another address, or end the program that holds it";
  Mistakes warnings;
  check_ports(*loaded.config, Mistake::Severity::warning, warnings);
  EXPECT_EQ(lines(warnings), Lines{"g.toml:2:11: warning: " + text});
  EXPECT_FALSE(warnings.has_errors());
  Mistakes errors;
  check_ports(*loaded.config, Mistake::Severity::error, errors);
  EXPECT_EQ(lines(errors), Lines{"g.toml:2:11: " + text});
  EXPECT_TRUE(errors.has_errors());
}

TEST_F(ConfigCheck, AConfigurationThatCannotBeRead) {
  for (const std::string& name : {path("none.toml"), path("certs")}) {
    const LoadedConfig loaded = load_config(name);
    EXPECT_FALSE(loaded.config);
    ASSERT_EQ(loaded.mistakes.all().size(), 1U);
    EXPECT_TRUE(lines(loaded.mistakes)[0].starts_with(name + ": cannot be read: "));
  }
  std::ofstream(path("empty.toml")).flush();
  EXPECT_EQ(lines(load_config(path("empty.toml")).mistakes).size(), 2U) << "no listener, no route";
}

TEST_F(ConfigCheck, QuickFormOverTls) {
  const LoadedConfig loaded = quick_config({"https://127.0.0.1:8443",
                                            {"http://127.0.0.1:8080", "http://app.internal"},
                                            path("certs/localhost.crt"),
                                            path("certs/localhost.key")});
  EXPECT_EQ(lines(loaded.mistakes), Lines{});
  ASSERT_TRUE(loaded.config);
  const Config& config = *loaded.config;
  EXPECT_EQ(config.listeners.at(0).address, (HostPort{"127.0.0.1", 8443, false}));
  EXPECT_EQ(config.listeners.at(0).tls.value().pairs.at(0).key, path("certs/localhost.key"));
  EXPECT_EQ(config.clusters.at(0).protocol, Protocol::http1);
  EXPECT_FALSE(config.clusters.at(0).tls);
  EXPECT_EQ(config.clusters.at(0).max_connections, 256U);
  ASSERT_EQ(config.clusters.at(0).endpoints.size(), 2U);
  EXPECT_EQ(config.clusters.at(0).endpoints[1].address, (HostPort{"app.internal", 80, false}));
  EXPECT_EQ(config.routes.at(0).cluster, "app");
}

TEST_F(ConfigCheck, QuickFormWithoutTlsInFront) {
  const LoadedConfig cleartext = quick_config({"h2c://[::1]:0", {"h2c://[::1]:81/"}, "", ""});
  ASSERT_TRUE(cleartext.config);
  EXPECT_FALSE(cleartext.config->listeners.at(0).tls);
  EXPECT_EQ(cleartext.config->clusters.at(0).protocol, Protocol::h2);
  EXPECT_FALSE(cleartext.config->clusters.at(0).tls);
  EXPECT_EQ(cleartext.config->clusters.at(0).endpoints.at(0).text, "[::1]:81");

  const LoadedConfig behind = quick_config({"h2c://127.0.0.1:0", {"https://[::1]"}, "", ""});
  ASSERT_TRUE(behind.config);
  EXPECT_EQ(behind.config->clusters.at(0).protocol, Protocol::h2);
  ASSERT_TRUE(behind.config->clusters.at(0).tls);
  EXPECT_TRUE(behind.config->clusters.at(0).tls->verify);
  EXPECT_EQ(behind.config->clusters.at(0).endpoints.at(0).address, (HostPort{"::1", 443, false}));
}

TEST_F(ConfigCheck, QuickFormMistakes) {
  const auto found = [](const QuickOptions& options) {
    const LoadedConfig loaded = quick_config(options);
    EXPECT_FALSE(loaded.config);
    return lines(loaded.mistakes);
  };
  const std::vector<std::string> good{"http://127.0.0.1:80"};
  EXPECT_EQ(found({"https://127.0.0.1:0", good, "", ""}),
            Lines{"--listen: https needs a certificate and its key; add --certificate FILE --key FILE "
                  "(certs/make_certs.sh makes a pair for localhost), or listen with h2c://"});
  EXPECT_EQ(
      found({"h2c://127.0.0.1:0", good, "a.crt", "a.key"}),
      Lines{"--listen: h2c is cleartext and has no certificate; leave out --certificate and --key, or listen "
            "with https://"});
  EXPECT_EQ(
      found({"http://127.0.0.1:0", {"ftp://a", "127.0.0.1:80"}, "", ""}),
      (Lines{
          "--listen: \"http://127.0.0.1:0\" has not one of the schemes \"https\" or \"h2c\"; write it like "
          "\"https://127.0.0.1:8080\"",
          "--to: \"ftp://a\" has not one of the schemes \"http\", \"h2c\" or \"https\"; write it like "
          "\"http://127.0.0.1:8080\"",
          "--to: \"127.0.0.1:80\" has not one of the schemes \"http\", \"h2c\" or \"https\"; write it like "
          "\"http://127.0.0.1:8080\""}));
  EXPECT_EQ(found({"h2c://localhost:80", good, "", ""}),
            Lines{"--listen: \"localhost\" is a name; write an IP address, like \"h2c://127.0.0.1:80\""});
  EXPECT_EQ(
      found({"h2c://127.0.0.1:0", {"http://a/b"}, "", ""}),
      Lines{"--to: \"http://a/b\" has a path; write \"http://a\", paths are routed in a configuration file"});
  EXPECT_EQ(
      found({"h2c://127.0.0.1:0", {"http://a", "h2c://b"}, "", ""}),
      Lines{
          "--to: \"h2c://b\" differs from the others in its scheme, http; use one scheme, or a configuration "
          "file"});
  const Lines missing = found({"https://127.0.0.1:0", good, "/no.crt", path("certs/localhost.key")});
  ASSERT_EQ(missing.size(), 1U);
  EXPECT_TRUE(missing[0].starts_with("--certificate: ")) << missing[0];
}

}  // namespace
}  // namespace gateway
