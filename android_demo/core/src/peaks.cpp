#include "edgekit/peaks.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <limits>
#include <thread>

#include "edgekit/clock.h"
#include "edgekit/error.h"
#include "edgekit/random_weights.h"
#include "edgekit/session.h"

namespace edgekit {

namespace {

struct Pointwise
{
    int channels;
    int size;
};

constexpr Pointwise shapes[] = {{128, 56}, {256, 28}, {256, 56}, {512, 28}, {512, 14}}; // 51 to 231 million MACs
constexpr std::size_t sets_bytes[] = {1u << 18, 1u << 20, 1u << 22, 1u << 24, 1u << 26, 1u << 28};
constexpr std::size_t copied_bytes = 1u << 28; // in one timing at least, so that starting the threads does not count
constexpr int least_runs = 3;

/// The shortest seconds of one call in `seconds` of repetitions.
double best_s(const std::function<void()>& run, double seconds)
{
    run();
    double best = std::numeric_limits<double>::infinity();
    const double begin = now_s();
    for (int count = 0; count < least_runs || now_s() - begin < seconds; ++count)
    {
        const double start = now_s();
        run();
        best = std::min(best, now_s() - start);
    }
    return best;
}

double pointwise(const Pointwise& shape, const Options& options, double seconds)
{
    const int weights = shape.channels * shape.channels;
    const std::string text = "7767517\n2 2\nInput in0 0 1 in0\nConvolution conv 1 1 in0 out0 0=" +
                             std::to_string(shape.channels) + " 1=1 5=0 6=" + std::to_string(weights) + "\n";
    Pools pools;
    ncnn::Option option = make_option(options);
    option.blob_allocator = &pools.blob;
    option.workspace_allocator = &pools.workspace;
    const auto net = random_net(text, option, 0).first;
    ncnn::Mat input(shape.size, shape.size, shape.channels);
    input.fill(0.5f);
    const double best = best_s(
        [&] {
            ncnn::Extractor extractor = net->create_extractor();
            ncnn::Mat output;
            if (extractor.input(0, input) != 0 || extractor.extract(1, output, 1) != 0)
                throw net_error("ncnn could not compute a pointwise convolution");
        },
        seconds);
    return double(weights) * shape.size * shape.size / best;
}

double copy(std::size_t working_set, int threads, double seconds)
{
    const std::size_t half = working_set / 2 / std::size_t(threads);
    std::vector<std::vector<unsigned char>> sources, targets;
    for (int i = 0; i < threads; ++i)
    {
        sources.emplace_back(half, (unsigned char)1);
        targets.emplace_back(half, (unsigned char)0);
    }
    const std::size_t repeats = std::max<std::size_t>(1, copied_bytes / working_set);
    const auto work = [&](std::size_t index) {
        for (std::size_t i = 0; i < repeats; ++i)
            std::memcpy(targets[index].data(), sources[index].data(), half);
    };
    const auto together = [&] {
        std::vector<std::thread> others;
        for (int index = 1; index < threads; ++index)
            others.emplace_back(work, std::size_t(index));
        work(0);
        for (std::thread& other : others)
            other.join();
    };
    return 2.0 * double(half) * threads * double(repeats) / best_s(together, seconds);
}

} // namespace

Peaks measure_peaks(const Options& options, int threads, double seconds, Progress& progress)
{
    const double share = seconds / double(std::size(shapes) + std::size(sets_bytes));
    Peaks peaks;
    for (const Pointwise& shape : shapes)
    {
        const std::string size = std::to_string(shape.size), channels = std::to_string(shape.channels);
        progress.begin("a pointwise convolution of " + channels + " channels at " + size + "x" + size);
        const std::string method = "ncnn 1x1 convolution " + channels + "x" + size + "x" + size;
        peaks.compute.push_back({method, pointwise(shape, options, share)});
    }
    for (const std::size_t bytes : sets_bytes)
    {
        progress.begin("copying " + std::to_string(bytes) + " bytes");
        peaks.memory.push_back({bytes, copy(bytes, threads, share)});
    }
    return peaks;
}

} // namespace edgekit
