// `bench`: time one configuration of one net in this process.
#include <algorithm>

#include "commands.h"
#include "edgekit/conditions.h"
#include "edgekit/environment.h"
#include "edgekit/layers.h"
#include "edgekit/timing.h"

namespace edgekit {

namespace {

Json describe(const std::vector<Cluster>& found)
{
    const auto or_null = [](const std::optional<long long>& value) { return value ? Json(*value) : Json(); };
    Json::Array described;
    for (const Cluster& cluster : found)
    {
        Json one;
        one.set("cpus", Json::list(cluster.cpus)).set("capacity", or_null(cluster.capacity));
        described.push_back(one.set("max_khz", or_null(cluster.max_khz)));
    }
    return described;
}

Sampling sampling_of(const Json& body)
{
    const Json& given = body.at("sampling");
    return {int(given.at("min_runs").integer()), given.at("min_s").number(), given.at("max_s").number()};
}

double cool_down_for(const Json& body, Progress& progress)
{
    const Json* wish = body.find("cool_down");
    if (wish == nullptr)
        return 0.0;
    progress.begin("cooling down");
    return cool_down(wish->at("celsius").number(), wish->at("max_s").number(), [] { return temperature(); });
}

Json warm(const Session& session, const Json& wish, double rested_s)
{
    const WarmUp done = warm_up(
        [&] { return session.infer(); }, wish.at("min_s").number(), wish.at("max_s").number(),
        wish.at("tolerance").number());
    Json answer;
    answer.set("runs", done.runs).set("seconds", done.seconds).set("steady", done.steady);
    return answer.set("cool_down_s", rested_s);
}

Json add_layers(const Session& session, const Sampling& sampling, MessageWriter& writer)
{
    const LayerTimes times = time_layers(session, sampling);
    std::vector<double> flat;
    for (const std::vector<double>& run : times.parts_s)
        flat.insert(flat.end(), run.begin(), run.end());
    const auto runs = std::int64_t(times.parts_s.size()), layers = std::int64_t(times.described.array().size());
    writer.add("layers_s", doubles(flat, {runs, layers}).view());
    writer.add("whole_s", doubles(times.whole_s, {runs}).view());
    return times.described;
}

} // namespace

Json serve_bench(const Message& message, MessageWriter& writer, Progress& progress)
{
    const Json& body = message.body();
    const std::vector<int> allowed = usable_cpus();
    const std::vector<int> cpus = pin(body);
    std::vector<int> others;
    for (const int cpu : allowed)
        if (std::find(cpus.begin(), cpus.end(), cpu) == cpus.end())
            others.push_back(cpu);
    const double rested_s = cool_down_for(body, progress);
    const Json before = cpu_state(cpus);
    progress.begin("loading the net");
    const Session session(work_of(message));
    progress.begin("the first inference");
    const double first_s = session.infer();
    progress.begin("warming up");
    Json warmup = warm(session, body.at("warmup"), rested_s);
    progress.begin("sampling");
    const Sampling sampling = sampling_of(body);
    Sampler sampler(cpus, others);
    const Watch watch(cpus);
    const std::vector<double> samples = sample([&] { return session.infer(); }, sampling);
    Json during = watch.stop();
    Json beside = sampler.stop();
    writer.add("latency_s", doubles(samples, {std::int64_t(samples.size())}).view());
    Json conditions;
    conditions.set("before", before).set("after", cpu_state(cpus)).set("during", std::move(during));
    conditions.set("samples", std::move(beside));
    Json answer;
    answer.set("load_s", session.load_s()).set("first_s", first_s).set("weights_bytes", session.weights_bytes());
    answer.set("random_weights", body.at("files").find("bin") == nullptr).set("warmup", std::move(warmup));
    answer.set("conditions", std::move(conditions)).set("cpus", Json::list(cpus));
    answer.set("clusters", describe(clusters(allowed))).set("openmp", openmp_settings());
    answer.set("environment", environment());
    const Json* layers = body.find("layers");
    if (layers && layers->boolean())
    {
        progress.begin("timing the layers");
        answer.set("layers", add_layers(session, sampling, writer));
    }
    return answer;
}

} // namespace edgekit
