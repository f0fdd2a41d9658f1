#include "edgekit/memory.h"

#include <algorithm>
#include <fstream>

#include "edgekit/counting_allocator.h"
#include "edgekit/error.h"
#include "edgekit/layers.h"
#include "edgekit/system.h"

namespace edgekit {

namespace {

/// Sets VmHWM back to what is resident now where the kernel lets us; returns the baseline in bytes.
long long reset_peak()
{
    std::ofstream("/proc/self/clear_refs") << '5';
    return status_bytes("VmHWM");
}

/// Runs once on counting allocators, a layer at a time: ncnn frees each blob after its last reader, as it does in an
/// undivided run. The input Mats and the weights are not counted.
void count_allocations(const Work& work, MemoryUse& use)
{
    CountingAllocator blob, workspace; // these have to outlive the net
    const Session session(work, false);
    ncnn::Extractor extractor = session.net().create_extractor();
    extractor.set_blob_allocator(&blob);
    extractor.set_workspace_allocator(&workspace);
    session.feed(extractor);
    for (const Step& step : layer_steps(session.net()))
    {
        blob.restart_peak();
        workspace.restart_peak();
        ncnn::Mat top;
        if (extractor.extract(step.layer->tops[0], top, 1) != 0)
            throw net_error("ncnn could not compute layer " + std::to_string(step.index) + " '" + step.layer->name + "'");
        use.layers.push_back({step.index, step.layer->name, blob.peak_bytes(), workspace.peak_bytes()});
        use.blob_peak_bytes = std::max(use.blob_peak_bytes, blob.peak_bytes());
        use.workspace_peak_bytes = std::max(use.workspace_peak_bytes, workspace.peak_bytes());
    }
}

} // namespace

MemoryUse measure_memory(const Work& work, int runs, int counting_threads, Progress& progress)
{
    MemoryUse use = {};
    use.baseline_rss_bytes = reset_peak();
    {
        progress.begin("loading the net");
        const Session session(work);
        use.loaded_rss_bytes = std::max(0LL, status_bytes("VmRSS") - use.baseline_rss_bytes);
        use.weights_bytes = session.weights_bytes();
        progress.begin("running the net");
        for (int run = 0; run < runs; ++run)
            session.infer();
        use.peak_rss_bytes = std::max(0LL, status_bytes("VmHWM") - use.baseline_rss_bytes);
    }
    progress.begin("counting allocations");
    Work counted = work;
    counted.options.emplace_back("num_threads", counting_threads);
    count_allocations(counted, use);
    return use;
}

} // namespace edgekit
