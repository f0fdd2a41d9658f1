#include "commands.h"

#include <algorithm>

namespace edgekit {

Options options_of(const Json& body)
{
    Options options;
    if (const Json* given = body.find("options"))
        for (const auto& [name, value] : given->object())
            options.emplace_back(name, int(value.integer()));
    return options;
}

int threads_of(const Json& body)
{
    const Json* options = body.find("options");
    const Json* threads = options ? options->find("num_threads") : nullptr;
    return threads ? int(threads->integer()) : 1;
}

Work work_of(const Message& message)
{
    const Json& body = message.body();
    const Json& files = body.at("files");
    Work work;
    work.param = files.at("param").string();
    if (const Json* bin = files.find("bin"))
        work.bin = bin->string();
    else
        work.seed = std::uint64_t(body.at("seed").integer());
    work.options = options_of(body);
    for (const auto& [blob, key] : body.at("inputs").object())
        work.inputs.emplace_back(blob, message.tensor(key.string()));
    for (const Json& blob : body.at("outputs").array())
        work.outputs.push_back(blob.string());
    return work;
}

std::vector<int> wanted_cpus(const Json& body, const std::vector<int>& usable)
{
    Pin wish;
    if (const Json* given = body.find("pin"))
    {
        const Json *cpus = given->find("cpus"), *cluster = given->find("cluster");
        if (cpus && !cpus->is_null())
            for (const Json& cpu : cpus->array())
                wish.cpus.push_back(int(cpu.integer()));
        if (cluster && !cluster->is_null())
            wish.cluster = cluster->string();
    }
    return choose_cpus(threads_of(body), wish, usable);
}

std::vector<int> pin(const Json& body)
{
    std::vector<int> cpus = wanted_cpus(body, usable_cpus());
    std::sort(cpus.begin(), cpus.end());
    if (!started_bound())
        bind_thread(cpus);
    return cpus;
}

} // namespace edgekit
