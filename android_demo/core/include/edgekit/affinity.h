// CPU clusters from sysfs, and pinning.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace edgekit {

/// CPUs of equal speed. `capacity` is the kernel's, 1024 for the fastest core of the system.
struct Cluster
{
    std::vector<int> cpus;
    std::optional<long long> capacity;
    std::optional<long long> max_khz;
};

/// Which CPUs to run on: named ones, a cluster (`big`, `little`, `all`), or else one per thread.
struct Pin
{
    std::vector<int> cpus;
    std::string cluster;
};

constexpr const char* sysfs_cpu = "/sys/devices/system/cpu";

/// The CPUs that this thread may use.
std::vector<int> allowed_cpus();

/// The CPUs that this program may use, though it or its OpenMP may have bound it to some of them already.
std::vector<int> usable_cpus();

/// Notes for a program that this one is about to become which CPUs there are beside those it is bound to.
void remember_usable_cpus(const std::vector<int>& cpus);

/// Whether this program was started bound to the CPUs of its request.
bool started_bound();

/// Groups CPUs into clusters, fastest first.
std::vector<Cluster> clusters(const std::vector<int>& cpus, const std::string& sysfs = sysfs_cpu);

/// Chooses among `usable` CPUs. Without a wish: one per thread, fastest first, other cores before the second thread of a core,
/// and CPU 0 (which takes most interrupts) last among equals. Throws `Error`: a CPU that may not be used, or an
/// unknown cluster.
std::vector<int> choose_cpus(
    int threads, const Pin& pin, const std::vector<int>& usable, const std::string& sysfs = sysfs_cpu);

/// Binds this thread, and every thread that it will start, to these CPUs. Throws `Error`.
void bind_thread(const std::vector<int>& cpus);

} // namespace edgekit
