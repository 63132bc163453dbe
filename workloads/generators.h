// The generators, one a file of the same name; the table in workload.cc is the only caller.
#pragma once

#include "workloads/workload.h"

namespace pymemlab {

void generate_random_noise(const WorkloadParameters& parameters, TraceWriter& trace);
void generate_some_memory(const WorkloadParameters& parameters, TraceWriter& trace);
void generate_object_churn(const WorkloadParameters& parameters, TraceWriter& trace);
void generate_growing_dict(const WorkloadParameters& parameters, TraceWriter& trace);
void generate_phases(const WorkloadParameters& parameters, TraceWriter& trace);
void generate_batch_server(const WorkloadParameters& parameters, TraceWriter& trace);
void generate_size_class_sweep(const WorkloadParameters& parameters, TraceWriter& trace);
void generate_arena_boundary_thrash(const WorkloadParameters& parameters, TraceWriter& trace);

}  // namespace pymemlab
