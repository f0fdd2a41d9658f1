// The commands of the worker protocol, and what their requests have in common.
#pragma once

#include "edgekit/affinity.h"
#include "edgekit/message.h"
#include "edgekit/progress.h"
#include "edgekit/session.h"

namespace edgekit {

Json serve_info(const Message& message, MessageWriter& writer, Progress& progress);
Json serve_run(const Message& message, MessageWriter& writer, Progress& progress);
Json serve_bench(const Message& message, MessageWriter& writer, Progress& progress);
Json serve_memory(const Message& message, MessageWriter& writer, Progress& progress);
Json serve_peaks(const Message& message, MessageWriter& writer, Progress& progress);

/// The `options` of a request.
Options options_of(const Json& body);

/// The number of threads in the `options` of a request, 1 where it does not say.
int threads_of(const Json& body);

/// Files, options, inputs, outputs and seed of a request.
Work work_of(const Message& message);

/// The CPUs that the `pin` of a request asks for, out of the usable ones. Throws `Error`.
std::vector<int> wanted_cpus(const Json& body, const std::vector<int>& usable);

/// Binds this process to the CPUs that a request asks for, unless it was started bound to them; returns them.
std::vector<int> pin(const Json& body);

} // namespace edgekit
