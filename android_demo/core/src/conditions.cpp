#include "edgekit/conditions.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <sstream>

#include "edgekit/affinity.h"
#include "edgekit/clock.h"
#include "edgekit/error.h"
#include "edgekit/system.h"

extern char** environ;

namespace edgekit {

namespace {

constexpr std::chrono::milliseconds sampling_period(250);

std::string cpufreq(int cpu)
{
    return std::string(sysfs_cpu) + "/cpu" + std::to_string(cpu) + "/cpufreq/";
}

template<class Value>
Json or_null(const std::optional<Value>& value)
{
    return value ? Json(*value) : Json();
}

std::optional<long long> migrations()
{
    for (const std::string& line : read_lines("/proc/self/sched"))
        if (line.rfind("se.nr_migrations", 0) == 0)
            return std::strtoll(line.c_str() + line.rfind(':') + 1, nullptr, 10);
    return std::nullopt;
}

/// Busy and stolen seconds of these CPUs since boot; zeros where the file is closed to us.
std::pair<double, double> cpu_times(const std::vector<int>& cpus)
{
    const double tick = double(::sysconf(_SC_CLK_TCK));
    double busy = 0, steal = 0;
    for (const std::string& line : read_lines("/proc/stat"))
    {
        std::istringstream words(line);
        std::string name;
        double user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, stolen = 0;
        words >> name >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> stolen;
        const bool wanted = std::any_of(
            cpus.begin(), cpus.end(), [&](int cpu) { return name == "cpu" + std::to_string(cpu); });
        if (wanted && words)
        {
            busy += (user + nice + system + irq + softirq) / tick;
            steal += stolen / tick;
        }
    }
    return {busy, steal};
}

double seconds(const timeval& time)
{
    return double(time.tv_sec) + double(time.tv_usec) * 1e-6;
}

} // namespace

std::optional<double> temperature(const std::string& thermal)
{
    std::optional<double> hottest;
    DIR* folder = ::opendir(thermal.c_str());
    if (folder == nullptr)
        return hottest;
    while (const dirent* entry = ::readdir(folder))
    {
        const std::string name = entry->d_name;
        const auto value = name.rfind("thermal_zone", 0) == 0 ? read_number(thermal + "/" + name + "/temp") : std::nullopt;
        // a broken sensor reads 0 or absurd values; the kernel gives thousandths of a degree
        if (value && *value > 1000 && *value < 150000)
            hottest = std::max(hottest.value_or(0.0), double(*value) / 1000);
    }
    ::closedir(folder);
    return hottest;
}

std::optional<long long> frequency_khz(const std::vector<int>& cpus)
{
    std::optional<long long> lowest;
    for (const int cpu : cpus)
    {
        const auto khz = read_number(cpufreq(cpu) + "scaling_cur_freq");
        if (khz && *khz > 0)
            lowest = std::min(lowest.value_or(*khz), *khz);
    }
    return lowest;
}

Json cpu_state(const std::vector<int>& cpus)
{
    std::set<std::string> governors;
    for (const int cpu : cpus)
        if (const auto name = read_text(cpufreq(cpu) + "scaling_governor"))
            governors.insert(*name);
    Json state;
    state.set("governors", Json::list(governors)).set("khz", or_null(frequency_khz(cpus)));
    return state.set("celsius", or_null(temperature()));
}

Json openmp_settings()
{
    std::map<std::string, std::string> found;
    for (char** variable = environ; *variable != nullptr; ++variable)
    {
        const std::string text = *variable;
        for (const char* prefix : {"OMP_", "GOMP_", "KMP_"})
            if (text.rfind(prefix, 0) == 0)
                found[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
    }
    Json settings = Json::Object();
    for (const auto& [name, value] : found)
        settings.set(name, value);
    return settings;
}

Watch::Watch(std::vector<int> cpus)
    : cpus_(std::move(cpus))
    , start_(read(cpus_))
{
}

Watch::Counters Watch::read(const std::vector<int>& cpus)
{
    rusage usage = {};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto [busy, steal] = cpu_times(cpus);
    return {now_s(), seconds(usage.ru_utime) + seconds(usage.ru_stime), busy, steal,
            usage.ru_nivcsw, usage.ru_nvcsw, usage.ru_minflt, migrations()};
}

Json Watch::stop() const
{
    const Counters before = start_, after = read(cpus_);
    const double wall_s = after.wall_s - before.wall_s, elapsed = wall_s * double(cpus_.size());
    const double own = after.own_s - before.own_s;
    const double others = std::max(0.0, after.busy_s - before.busy_s - own);
    const bool known = elapsed > 0 && after.busy_s > 0;
    Json changed;
    changed.set("seconds", wall_s).set("cpu_s", own);
    changed.set("involuntary_switches", after.involuntary - before.involuntary);
    changed.set("voluntary_switches", after.voluntary - before.voluntary);
    changed.set("minor_faults", after.minor_faults - before.minor_faults);
    const bool counted = before.migrations && after.migrations;
    changed.set("migrations", counted ? Json(*after.migrations - *before.migrations) : Json());
    changed.set("other_share", known ? Json(others / elapsed) : Json());
    return changed.set("steal_share", known ? Json(std::max(0.0, after.steal_s - before.steal_s) / elapsed) : Json());
}

Sampler::Sampler(std::vector<int> cpus, std::vector<int> others)
    : cpus_(std::move(cpus))
    , others_(std::move(others))
{
    if (frequency_khz(cpus_) || temperature())
        thread_ = std::thread([this] { watch(); });
}

Sampler::~Sampler()
{
    stop();
}

Json Sampler::stop()
{
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        stopped_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable())
        thread_.join();
    return samples_;
}

void Sampler::watch()
{
    try
    {
        if (!others_.empty())
            bind_thread(others_);
    }
    catch (const Error&)
    {
        // then it runs beside the net: a few microseconds, four times a second
    }
    const double begin = now_s();
    std::unique_lock<std::mutex> lock(mutex_);
    do
    {
        Json one;
        one.set("at_s", now_s() - begin).set("khz", or_null(frequency_khz(cpus_)));
        samples_.push_back(one.set("celsius", or_null(temperature())));
    } while (!wake_.wait_for(lock, sampling_period, [this] { return stopped_; }));
}

} // namespace edgekit
