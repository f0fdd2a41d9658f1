#include "edgekit/layers.h"

#include <algorithm>
#include <map>

#include "edgekit/clock.h"
#include "edgekit/error.h"

namespace edgekit {

namespace {

constexpr std::size_t usual_runs = 20;
constexpr std::size_t least_runs = 3; // however long they take, unless fewer are asked for

constexpr int packed = 1; // of `extract`: hand the blob out as it is

Json describe_blob(const std::string& name, const ncnn::Mat& mat)
{
    Json blob;
    blob.set("blob", name).set("shape", Json::list(shape_of(mat)));
    const std::size_t pack = std::size_t(mat.elempack);
    return blob.set("bits", mat.elemsize * 8 / std::max<std::size_t>(1, pack)).set("pack", pack);
}

/// Runs once keeping every blob; says what each one looks like.
std::map<int, Json> observe(const Session& session, const std::vector<Step>& steps)
{
    ncnn::Extractor extractor = session.net().create_extractor();
    extractor.set_light_mode(false);
    session.feed(extractor);
    std::map<int, Json> seen;
    for (const Step& step : steps)
        for (const std::vector<int>* blobs : {&step.layer->bottoms, &step.layer->tops})
            for (const int index : *blobs)
            {
                const std::string& name = session.net().blobs()[std::size_t(index)].name;
                ncnn::Mat mat;
                if (seen.count(index))
                    continue;
                if (extractor.extract(index, mat, packed) != 0)
                    throw net_error("ncnn could not compute blob '" + name + "'");
                seen[index] = describe_blob(name, mat);
            }
    return seen;
}

Json describe(const std::vector<Step>& steps, const std::map<int, Json>& blobs)
{
    Json::Array described;
    for (const Step& step : steps)
    {
        Json::Array inputs, outputs;
        for (const int bottom : step.layer->bottoms)
            inputs.push_back(blobs.at(bottom));
        for (const int top : step.layer->tops)
            outputs.push_back(blobs.at(top));
        Json layer;
        layer.set("index", step.index).set("name", step.layer->name).set("type", step.layer->type);
        described.push_back(layer.set("inputs", std::move(inputs)).set("outputs", std::move(outputs)));
    }
    return described;
}

/// One whole run, a layer at a time: the seconds of every layer.
std::vector<double> layered_run(const Session& session, const std::vector<Step>& steps)
{
    ncnn::Extractor extractor = session.start();
    std::vector<double> seconds(steps.size());
    ncnn::Mat blob;
    double begin = now_s();
    for (std::size_t i = 0; i < steps.size(); ++i)
    {
        const int code = extractor.extract(steps[i].layer->tops[0], blob, packed);
        blob.release(); // or an in-place layer would have to copy it
        const double end = now_s();
        seconds[i] = end - begin;
        begin = end;
        if (code != 0)
            throw net_error("ncnn could not compute layer '" + steps[i].layer->name + "' on its own");
    }
    extractor.clear();
    return seconds;
}

} // namespace

std::vector<Step> layer_steps(const ncnn::Net& net)
{
    std::vector<Step> steps;
    for (std::size_t index = 0; index < net.layers().size(); ++index)
        if (!net.layers()[index]->bottoms.empty())
            steps.push_back({int(index), net.layers()[index]});
    return steps;
}

LayerTimes time_layers(const Session& session, const Sampling& sampling)
{
    const std::vector<Step> steps = layer_steps(session.net());
    LayerTimes times;
    times.described = describe(steps, observe(session, steps));
    layered_run(session, steps);
    const std::size_t least = std::min<std::size_t>(least_runs, std::size_t(std::max(0, sampling.min_runs)));
    const double begin = now_s();
    while (times.parts_s.size() < usual_runs || now_s() - begin < sampling.min_s)
    {
        times.whole_s.push_back(session.infer());
        times.parts_s.push_back(layered_run(session, steps));
        if (now_s() - begin >= sampling.max_s && times.parts_s.size() >= least)
            break;
    }
    return times;
}

} // namespace edgekit
