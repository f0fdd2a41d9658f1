// The conditions of a measurement: governor, frequency, temperature, and who else used the CPUs.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "edgekit/json.h"

namespace edgekit {

/// The hottest thermal zone in degrees Celsius, or nothing.
std::optional<double> temperature(const std::string& thermal = "/sys/class/thermal");

/// The lowest current frequency of these CPUs in kHz, or nothing.
std::optional<long long> frequency_khz(const std::vector<int>& cpus);

/// `governors`, `khz` (the lowest) and `celsius` (the hottest) as they are now.
Json cpu_state(const std::vector<int>& cpus);

/// The OpenMP variables that this process was started with.
Json openmp_settings();

/// Counts what happened to this process and to its CPUs between two moments.
class Watch
{
public:
    explicit Watch(std::vector<int> cpus);

    /// What changed since the start. `other_share` is the share of the CPUs' time that went to other processes
    /// (`steal_share`: to other virtual machines); null where the kernel does not tell.
    Json stop() const;

private:
    struct Counters
    {
        double wall_s, own_s, busy_s, steal_s;
        long involuntary, voluntary, minor_faults;
        std::optional<long long> migrations;
    };
    static Counters read(const std::vector<int>& cpus);

    std::vector<int> cpus_;
    Counters start_;
};

/// Reads frequency and temperature beside the run, in a thread that stays off the measured CPUs where it can.
class Sampler
{
public:
    /// `others` are CPUs that the thread may use instead.
    Sampler(std::vector<int> cpus, std::vector<int> others);
    ~Sampler();
    Sampler(const Sampler&) = delete;
    Sampler& operator=(const Sampler&) = delete;

    /// Ends the thread; returns a list of `{"at_s", "khz", "celsius"}`, empty where there is nothing to read.
    Json stop();

private:
    void watch();

    std::vector<int> cpus_, others_;
    Json::Array samples_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopped_ = false;
    std::thread thread_;
};

} // namespace edgekit
