#include "edgekit/affinity.h"

#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <sstream>

#include "edgekit/error.h"
#include "edgekit/system.h"

namespace edgekit {

namespace {

constexpr const char* usable_variable = "EDGEKIT_CPUS"; // numbers with commas between them

std::vector<int> parse_list(const std::string& text)
{
    std::vector<int> cpus;
    std::istringstream words(text);
    for (std::string word; std::getline(words, word, ',');)
        cpus.push_back(std::atoi(word.c_str()));
    return cpus;
}

std::string list_text(const std::vector<int>& cpus)
{
    std::string text = "[";
    for (const int cpu : cpus)
        text += (text.size() > 1 ? ", " : "") + std::to_string(cpu);
    return text + "]";
}

/// First one CPU of every physical core, highest number first, then their siblings.
std::vector<int> spread(std::vector<int> cpus, const std::string& sysfs)
{
    std::sort(cpus.rbegin(), cpus.rend());
    std::set<std::pair<long long, long long>> seen;
    std::vector<int> first, second;
    for (const int cpu : cpus)
    {
        const std::string topology = sysfs + "/cpu" + std::to_string(cpu) + "/topology/";
        const auto package = read_number(topology + "physical_package_id"), core = read_number(topology + "core_id");
        const bool known = package || core;
        const bool sibling = known && !seen.emplace(package.value_or(-1), core.value_or(-1)).second;
        (sibling ? second : first).push_back(cpu);
    }
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

} // namespace

std::vector<int> allowed_cpus()
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0)
        throw os_error("the CPUs of this process are unknown");
    std::vector<int> cpus;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &set))
            cpus.push_back(cpu);
    return cpus;
}

std::vector<Cluster> clusters(const std::vector<int>& cpus, const std::string& sysfs)
{
    std::map<std::pair<long long, long long>, std::vector<int>, std::greater<>> groups;
    for (const int cpu : cpus)
    {
        const std::string folder = sysfs + "/cpu" + std::to_string(cpu);
        const auto capacity = read_number(folder + "/cpu_capacity");
        const auto max_khz = read_number(folder + "/cpufreq/cpuinfo_max_freq");
        groups[{capacity.value_or(0), max_khz.value_or(0)}].push_back(cpu);
    }
    std::vector<Cluster> found;
    for (const auto& [speed, members] : groups)
    {
        const auto known = [](long long value) { return value ? std::optional<long long>(value) : std::nullopt; };
        found.push_back({members, known(speed.first), known(speed.second)});
    }
    return found;
}

std::vector<int> usable_cpus()
{
    if (const char* noted = std::getenv(usable_variable))
        return parse_list(noted);
    if (std::getenv("OMP_PROC_BIND") != nullptr)
    {
        // GNU's OpenMP has bound the first thread before main: the kernel cuts this down to what is allowed
        std::vector<int> all(CPU_SETSIZE);
        std::iota(all.begin(), all.end(), 0);
        bind_thread(all);
    }
    return allowed_cpus();
}

void remember_usable_cpus(const std::vector<int>& cpus)
{
    std::string text;
    for (const int cpu : cpus)
        text += (text.empty() ? "" : ",") + std::to_string(cpu);
    ::setenv(usable_variable, text.c_str(), 1);
}

bool started_bound()
{
    return std::getenv(usable_variable) != nullptr;
}

std::vector<int> choose_cpus(
    int threads, const Pin& pin, const std::vector<int>& allowed, const std::string& sysfs)
{
    std::vector<int> outside;
    for (const int cpu : pin.cpus)
        if (!std::count(allowed.begin(), allowed.end(), cpu))
            outside.push_back(cpu);
    if (!outside.empty())
        throw value_error(
            "CPUs " + list_text(outside) + " are not among those this process may use (" + list_text(allowed) + ")");
    if (!pin.cpus.empty())
        return pin.cpus;
    if (pin.cluster == "all")
        return allowed;
    const std::vector<Cluster> found = clusters(allowed, sysfs);
    if (pin.cluster == "little")
        return found.back().cpus;
    if (pin.cluster == "big")
        return found.front().cpus;
    if (!pin.cluster.empty())
        throw value_error("unknown cluster '" + pin.cluster + "'");
    std::vector<int> ordered;
    for (const Cluster& cluster : found)
        for (const int cpu : spread(cluster.cpus, sysfs))
            ordered.push_back(cpu);
    ordered.resize(std::min(ordered.size(), std::size_t(std::max(1, threads))));
    std::sort(ordered.begin(), ordered.end());
    return ordered;
}

void bind_thread(const std::vector<int>& cpus)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int cpu : cpus)
        CPU_SET(cpu, &set);
    if (::sched_setaffinity(0, sizeof set, &set) != 0)
        throw os_error("cannot run on CPUs " + list_text(cpus));
}

} // namespace edgekit
