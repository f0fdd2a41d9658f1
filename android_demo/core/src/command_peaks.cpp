// `peaks`: the limits of this device.
#include "commands.h"
#include "edgekit/environment.h"
#include "edgekit/peaks.h"

namespace edgekit {

Json serve_peaks(const Message& message, MessageWriter&, Progress& progress)
{
    const Json& body = message.body();
    const std::vector<int> cpus = pin(body);
    const int threads = threads_of(body);
    const Json* seconds = body.find("seconds");
    const Peaks peaks = measure_peaks(options_of(body), threads, seconds ? seconds->number() : 2.0, progress);
    Json::Array compute, memory;
    for (const ComputePeak& peak : peaks.compute)
        compute.push_back(Json().set("method", peak.method).set("macs_per_s", peak.macs_per_s));
    for (const MemoryPeak& peak : peaks.memory)
        memory.push_back(
            Json().set("working_set_bytes", peak.working_set_bytes).set("bytes_per_s", peak.bytes_per_s));
    Json answer;
    answer.set("threads", threads).set("cpus", Json::list(cpus)).set("compute", std::move(compute));
    return answer.set("memory", std::move(memory)).set("environment", environment());
}

} // namespace edgekit
