#include "edgekit/environment.h"

#include <cpu.h>
#include <platform.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <map>

#include "edgekit/system.h"

namespace edgekit {

namespace {

struct Feature
{
    const char* name;
    int (*supported)();
};

constexpr Feature features[] = {
    {"arm_asimddp", ncnn::cpu_support_arm_asimddp},
    {"arm_asimdfhm", ncnn::cpu_support_arm_asimdfhm},
    {"arm_asimdhp", ncnn::cpu_support_arm_asimdhp},
    {"arm_bf16", ncnn::cpu_support_arm_bf16},
    {"arm_i8mm", ncnn::cpu_support_arm_i8mm},
    {"arm_neon", ncnn::cpu_support_arm_neon},
    {"arm_sve", ncnn::cpu_support_arm_sve},
    {"arm_sve2", ncnn::cpu_support_arm_sve2},
    {"arm_vfpv4", ncnn::cpu_support_arm_vfpv4},
    {"x86_avx", ncnn::cpu_support_x86_avx},
    {"x86_avx2", ncnn::cpu_support_x86_avx2},
    {"x86_avx512", ncnn::cpu_support_x86_avx512},
    {"x86_avx_vnni", ncnn::cpu_support_x86_avx_vnni},
    {"x86_f16c", ncnn::cpu_support_x86_f16c},
    {"x86_fma", ncnn::cpu_support_x86_fma},
};

/// The CPU's name from /proc/cpuinfo, or the architecture where it has none.
std::string cpu_model(const std::string& arch)
{
    std::map<std::string, std::string> values;
    for (const std::string& line : read_lines("/proc/cpuinfo"))
    {
        const std::size_t colon = line.find(':');
        if (colon == std::string::npos)
            continue;
        std::string key = line.substr(0, colon);
        key.erase(key.find_last_not_of(" \t") + 1);
        const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
        values.emplace(key, begin == std::string::npos ? "" : line.substr(begin));
    }
    for (const char* key : {"model name", "Model", "Hardware", "CPU part"})
        if (!values[key].empty())
            return values[key];
    return arch;
}

} // namespace

Json environment()
{
    utsname name = {};
    ::uname(&name);
    Json seen = Json::Object();
    for (const Feature& feature : features)
        seen.set(feature.name, feature.supported() != 0);
    Json found;
    found.set("arch", name.machine).set("cpu", cpu_model(name.machine));
    found.set("cores", ::sysconf(_SC_NPROCESSORS_ONLN));
    found.set("system", std::string(name.sysname) + "-" + name.release + "-" + name.machine);
    found.set("runner", "C++").set("ncnn", NCNN_VERSION_STRING);
    return found.set("features", std::move(seen));
}

} // namespace edgekit
