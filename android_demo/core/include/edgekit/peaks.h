// What this device can do at best: multiply-adds per second and bytes per second, measured here and now.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "edgekit/net.h"
#include "edgekit/progress.h"

namespace edgekit {

struct ComputePeak
{
    std::string method;
    double macs_per_s;
};

struct MemoryPeak
{
    std::size_t working_set_bytes;
    double bytes_per_s; ///< read plus written
};

struct Peaks
{
    std::vector<ComputePeak> compute;
    std::vector<MemoryPeak> memory;
};

/// Compute is the fastest of ncnn's own pointwise convolutions over several shapes; memory is a copy in `threads`
/// threads, over working sets from the caches to main memory. Both take the best of several repetitions, about
/// `seconds` in all. Throws `Error`.
Peaks measure_peaks(const Options& options, int threads, double seconds, Progress& progress);

} // namespace edgekit
