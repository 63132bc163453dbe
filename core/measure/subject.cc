#include "core/measure/subject.h"

#include "core/measure/model_subject.h"
#include "core/measure/real_subject.h"
#include "core/measure/target.h"

namespace pymemlab {

std::unique_ptr<ReplaySubject> make_subject(const WorkerJob& job,
                                            std::span<const std::uint64_t> recorded_bases) {
  const TargetName target = target_named(job.target.view());
  if (target.is_real()) return std::make_unique<RealSubject>(job, recorded_bases, target);
  return std::make_unique<ModelSubject>(job, recorded_bases);
}

}  // namespace pymemlab
