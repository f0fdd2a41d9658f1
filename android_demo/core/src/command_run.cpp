// `run`: inject some blobs of a net, extract others.
#include "commands.h"
#include "edgekit/capture.h"
#include "edgekit/environment.h"
#include "edgekit/random_weights.h"

namespace edgekit {

namespace {

Case case_of(const Json& given, const Message& message)
{
    Case each;
    each.id = given.at("id").string();
    for (const auto& [blob, key] : given.at("inputs").object())
    {
        const std::string& name = key.string();
        const bool kept = !name.empty() && name[0] == '@';
        each.inputs.push_back({blob, kept ? ArrayView() : message.tensor(name), kept ? name.substr(1) : ""});
    }
    for (const Json& blob : given.at("outputs").array())
        each.outputs.push_back(blob.string());
    if (const Json* light_mode = given.find("light_mode"))
        each.light_mode = light_mode->boolean();
    if (const Json* dtypes = given.find("dtypes"))
        for (const auto& [blob, dtype] : dtypes->object())
            each.dtypes[blob] = dtype.string();
    if (const Json* keep = given.find("keep"))
    {
        each.keeps = true;
        for (const Json& blob : keep->array())
            each.keep.push_back(blob.string());
    }
    return each;
}

/// The net of the request; without a `bin` its weights are random.
std::unique_ptr<ncnn::Net> net_of(const Json& body)
{
    const Json& files = body.at("files");
    const std::string& param = files.at("param").string();
    const ncnn::Option option = make_option(options_of(body));
    if (const Json* bin = files.find("bin"))
        return load_net(param, bin->string(), option);
    return load_random_net(param, option, std::uint64_t(body.at("seed").integer())).first;
}

} // namespace

Json serve_run(const Message& message, MessageWriter& writer, Progress& progress)
{
    const Json& body = message.body();
    progress.begin("loading the net");
    const auto net = net_of(body);
    CaseRunner runner(*net, progress);
    Json status = Json::Object();
    for (const Json& given : body.at("cases").array())
    {
        const Case each = case_of(given, message);
        const Codes codes = runner.run(
            each, [&](const std::string& blob, const Array& array) { writer.add(each.id + ":" + blob, array.view()); });
        Json of_case = Json::Object();
        for (const auto& [blob, code] : codes)
            of_case.set(blob, code);
        status.set(each.id, std::move(of_case));
    }
    Json answer;
    return answer.set("status", std::move(status)).set("environment", environment());
}

} // namespace edgekit
