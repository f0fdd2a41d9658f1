// How much memory a net takes; never measured together with time.
//
// The resident set is what the kernel counts, less what the program had taken before the net was loaded. Blob and
// workspace peaks are exact, from allocators that count every request.
#pragma once

#include <string>
#include <vector>

#include "edgekit/progress.h"
#include "edgekit/session.h"

namespace edgekit {

struct LayerPeak
{
    int index;
    std::string name;
    std::size_t blob_bytes;
    std::size_t workspace_bytes;
};

struct MemoryUse
{
    long long baseline_rss_bytes; ///< before the net was loaded
    long long loaded_rss_bytes;   ///< beyond the baseline, with the net loaded
    long long peak_rss_bytes;     ///< beyond the baseline, at the highest
    std::size_t weights_bytes;
    std::size_t blob_peak_bytes;
    std::size_t workspace_peak_bytes;
    std::vector<LayerPeak> layers; ///< the peaks while each layer ran
};

/// First `runs` undisturbed runs for the resident set, then a counted one for the allocators. Throws `Error`.
MemoryUse measure_memory(const Work& work, int runs, int counting_threads, Progress& progress);

} // namespace edgekit
