#include "gateway/admin/memory_metrics.h"

#include <array>

#include "gateway/admission.h"

namespace gateway {
namespace {

// pool::Account, then what is not in the ledger.
constexpr std::array<std::string_view, pool::kAccounts + 2> kAccountNames = {"heap",   "http2",  "tls",
                                                                             "events", "blocks", "overhead"};

Metric one(std::string_view name, std::string_view help, std::int64_t value) {
  return {name, help, MetricType::gauge, {}, {}, {value}};
}

}  // namespace

std::vector<Metric> memory_metrics(const Admission* admission, const pool::PoolStats& pool) {
  if (admission == nullptr) return {};
  const auto balances = admission->ledger().balances();
  std::vector<std::int64_t> accounts(balances.begin(), balances.end());
  accounts.push_back(static_cast<std::int64_t>(pool.resident * pool.block_size));
  accounts.push_back(admission->overhead());
  return {
      one("memory_budget_bytes", "What may be held beyond the fixed base.", admission->budget()),
      one("memory_base_bytes", "The fixed base: what does not grow with load.", admission->fixed_base()),
      one("memory_limit_bytes", "What of the budget may be in use beside the blocks.", admission->limit()),
      one("memory_used_bytes", "What is in use beside the blocks, promises included, without the base.",
          admission->used()),
      {"memory_bytes", "Memory by who holds it, the base's part included. Overhead: resident, but nobody's.",
       MetricType::gauge, "account", kAccountNames, std::move(accounts)},
  };
}

}  // namespace gateway
