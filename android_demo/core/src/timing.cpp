#include "edgekit/timing.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include "edgekit/clock.h"

namespace edgekit {

namespace {

constexpr std::size_t window = 8;
constexpr int least_samples = 3;

} // namespace

WarmUp warm_up(const Infer& infer, double min_s, double max_s, double tolerance)
{
    const double begin = now_s();
    std::vector<double> latencies;
    while (true)
    {
        latencies.push_back(infer());
        const double elapsed = now_s() - begin;
        bool steady = false;
        if (elapsed >= min_s && latencies.size() >= 2 * window)
        {
            const double last = median({latencies.end() - window, latencies.end()});
            const double previous = median({latencies.end() - 2 * window, latencies.end() - window});
            steady = std::abs(last - previous) <= tolerance * last;
        }
        if (steady || elapsed >= max_s)
            return {int(latencies.size()), elapsed, steady};
    }
}

std::vector<double> sample(const Infer& infer, const Sampling& sampling)
{
    const double begin = now_s();
    std::vector<double> latencies;
    while (true)
    {
        latencies.push_back(infer());
        const double elapsed = now_s() - begin;
        const int runs = int(latencies.size());
        const bool enough = runs >= sampling.min_runs && elapsed >= sampling.min_s;
        if (enough || (elapsed >= sampling.max_s && runs >= std::min(least_samples, sampling.min_runs)))
            return latencies;
    }
}

double cool_down(double celsius, double max_s, const std::function<std::optional<double>()>& read)
{
    const double begin = now_s();
    while (now_s() - begin < max_s)
    {
        const std::optional<double> now = read();
        if (!now || *now <= celsius)
            break;
        std::this_thread::sleep_for(std::chrono::duration<double>(std::min(1.0, max_s)));
    }
    return now_s() - begin;
}

double median(std::vector<double> values)
{
    if (values.empty())
        return std::numeric_limits<double>::quiet_NaN();
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

} // namespace edgekit
