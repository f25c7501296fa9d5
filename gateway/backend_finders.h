#pragma once

#include <memory>
#include <vector>

#include "gateway/admin/admin.h"
#include "gateway/exchange.h"
#include "gateway/router.h"
#include "gateway/upstream/cluster.h"
#include "gateway/worker_parts.h"

namespace gateway {

/// The traffic listeners' way to a backend: route, cluster, endpoint. One a worker.
class RoutedBackends final : public BackendFinder {
 public:
  RoutedBackends(const WorkerParts& worker, const Router& router, const std::vector<std::unique_ptr<Cluster>>& clusters)
      : worker_(worker), router_(router), clusters_(clusters) {}
  std::unique_ptr<Backend> find(Exchange& exchange, const Error* failed) override;
  std::unique_ptr<Backend> answer(Exchange& exchange, const Error& error) override;

 private:
  const WorkerParts& worker_;
  const Router& router_;
  const std::vector<std::unique_ptr<Cluster>>& clusters_;
};

/// The admin listener's: the pages. One a worker.
class AdminBackends final : public BackendFinder {
 public:
  AdminBackends(const WorkerParts& worker, const AdminContext& context) : worker_(worker), context_(context) {}
  std::unique_ptr<Backend> find(Exchange& exchange, const Error* failed) override;
  std::unique_ptr<Backend> answer(Exchange& exchange, const Error& error) override;

 private:
  const WorkerParts& worker_;
  const AdminContext& context_;
};

}  // namespace gateway
