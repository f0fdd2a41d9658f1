#include "edgekit/serve.h"

#include <layer.h>

#include "commands.h"
#include "edgekit/environment.h"
#include "edgekit/error.h"

namespace edgekit {

namespace {

struct Command
{
    const char* name;
    Json (*run)(const Message&, MessageWriter&, Progress&);
};

constexpr Command commands[] = {
    {"info", serve_info}, {"run", serve_run}, {"bench", serve_bench}, {"memory", serve_memory}, {"peaks", serve_peaks}};

Json error_answer(const std::string& kind, const std::string& message, const std::string& step)
{
    Json error;
    error.set("type", kind).set("message", message).set("step", step);
    return Json().set("error", std::move(error));
}

} // namespace

Json serve_info(const Message& message, MessageWriter&, Progress& progress)
{
    progress.begin("asking ncnn for its layer types");
    Json types = Json::Object();
    if (const Json* names = message.body().find("layer_types"))
        for (const Json& name : names->array())
            types.set(name.string(), ncnn::layer_to_index(name.string().c_str()) >= 0);
    Json answer;
    return answer.set("environment", environment()).set("layer_types", std::move(types));
}

Json answer(const Message& message, MessageWriter& writer, Progress& progress)
{
    const std::string& name = message.body().at("command").string();
    for (const Command& command : commands)
        if (name == command.name)
            return command.run(message, writer, progress);
    throw value_error("unknown worker command '" + name + "'");
}

void serve(const std::string& request_folder, const std::string& result_folder)
{
    MessageWriter writer(result_folder);
    ProgressFile progress(result_folder);
    Json result;
    try
    {
        result = answer(Message::read(request_folder), writer, progress);
    }
    catch (const Error& error)
    {
        result = error_answer(error.kind(), error.what(), progress.step());
    }
    catch (const std::exception& error) // out of memory above all
    {
        result = error_answer("RuntimeError", error.what(), progress.step());
    }
    writer.close(std::move(result));
}

} // namespace edgekit
