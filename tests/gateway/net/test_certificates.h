#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace gateway {

/// What certs/make_certs.sh makes, in a folder that goes with this.
class TestCertificates {
 public:
  TestCertificates() {
    char name[] = "/tmp/test_certificates.XXXXXX";
    EXPECT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    const std::string command =
        "'" GATEWAY_SOURCE_DIR "/certs/make_certs.sh' " + folder_ + " > " + folder_ + "/made";
    EXPECT_EQ(std::system(command.c_str()), 0);
  }
  TestCertificates(const TestCertificates&) = delete;
  TestCertificates& operator=(const TestCertificates&) = delete;
  ~TestCertificates() { std::filesystem::remove_all(folder_); }

  std::string operator()(const char* file) const { return folder_ + "/" + file; }

 private:
  std::string folder_;
};

}  // namespace gateway
