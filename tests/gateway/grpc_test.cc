#include "gateway/grpc.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace gateway {
namespace {

TEST(GrpcTest, ACallIsKnownByItsContentType) {
  const auto with = [](std::string_view type) {
    h2::HeaderList request;
    request.add("content-type", type);
    return is_grpc(request);
  };
  for (const char* type : {"application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"})
    EXPECT_TRUE(with(type));
  for (const char* type :
       {"", "application/json", "application/grpc-web", "application/grpc-web+proto", "application/grpcx"}) {
    EXPECT_FALSE(with(type)) << type;
  }
  EXPECT_FALSE(is_grpc({}));
}

TEST(GrpcTest, EveryStatusHasItsOwn) {
  const std::pair<int, int> statuses[] = {{400, 13}, {401, 16}, {403, 7}, {404, 12}, {408, 4},
                                          {413, 8},  {429, 14}, {431, 8}, {500, 13}, {501, 12},
                                          {502, 14}, {503, 14}, {504, 4}, {418, 2}};
  for (const auto& [status, expected] : statuses) {
    EXPECT_EQ(grpc_status({.source = ErrorSource::gateway, .status = status, .reason = ""}), expected)
        << status;
  }
}

TEST(GrpcTest, WhatIsSafeToRetryIsUnavailableAndWhatHeldMemoryIsExhausted) {
  const Error connect{.source = ErrorSource::timeout, .status = 504, .reason = "", .retry_safe = true};
  EXPECT_EQ(grpc_status(connect), 14);
  EXPECT_EQ(grpc_status({.source = ErrorSource::shortage, .status = 504, .reason = ""}), 8);
}

TEST(GrpcTest, AMessageIsPercentEncoded) {
  EXPECT_EQ(grpc_message("connect to 127.0.0.1:80: refused"), "connect to 127.0.0.1:80: refused");
  EXPECT_EQ(grpc_message("100% \r\n\x7f\xc3\xa9"), "100%25 %0D%0A%7F%C3%A9");
}

TEST(GrpcTest, ALongReasonIsCutBeforeItIsEncoded) {
  const h2::HeaderList head = grpc_failure({.status = 502, .reason = std::string(5000, '%')});
  EXPECT_EQ(head.get("grpc-message").size(), 1200U);
  EXPECT_EQ(head.get("grpc-status"), "14");
}

}  // namespace
}  // namespace gateway
