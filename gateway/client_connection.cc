#include "gateway/client_connection.h"

#include "gateway/admission.h"
#include "gateway/stats.h"
#include "gateway/worker_parts.h"

namespace gateway {

bool ListenerParts::admits_request(std::size_t bytes) const {
  const Admission& admission = worker.admission;
  if (is_admin ? admission.admits_admin() : admission.admits_stream(bytes)) return true;
  worker.stats.streams_refused.add();
  return false;
}

bool ListenerParts::admits_section(std::size_t held, std::size_t bytes) const {
  const Admission& admission = worker.admission;
  if (is_admin ? admission.admits_admin() : admission.admits_section(held, bytes)) return true;
  worker.stats.sections_refused.add();
  return false;
}

}  // namespace gateway
