// `memory`: how much a net takes.
#include "commands.h"
#include "edgekit/environment.h"
#include "edgekit/memory.h"

namespace edgekit {

Json serve_memory(const Message& message, MessageWriter&, Progress& progress)
{
    const Json& body = message.body();
    pin(body);
    const Json *runs = body.find("runs"), *threads = body.find("counting_threads");
    const int counting_threads = threads ? int(threads->integer()) : threads_of(body);
    const MemoryUse use =
        measure_memory(work_of(message), runs ? int(runs->integer()) : 3, counting_threads, progress);
    Json::Array layers;
    for (const LayerPeak& layer : use.layers)
    {
        Json one;
        one.set("index", layer.index).set("name", layer.name).set("blob_peak_bytes", layer.blob_bytes);
        layers.push_back(one.set("workspace_peak_bytes", layer.workspace_bytes));
    }
    Json answer;
    answer.set("baseline_rss_bytes", use.baseline_rss_bytes).set("loaded_rss_bytes", use.loaded_rss_bytes);
    answer.set("peak_rss_bytes", use.peak_rss_bytes).set("weights_bytes", use.weights_bytes);
    answer.set("counting_threads", counting_threads).set("blob_peak_bytes", use.blob_peak_bytes);
    answer.set("workspace_peak_bytes", use.workspace_peak_bytes).set("layers", std::move(layers));
    return answer.set("environment", environment());
}

} // namespace edgekit
