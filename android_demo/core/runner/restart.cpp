#include "restart.h"

#include <unistd.h>

#include "commands.h"
#include "edgekit/affinity.h"
#include "edgekit/error.h"

namespace edgekit {

void restart_bound(const std::string& request, const std::string& result)
{
    if (started_bound())
        return;
    try
    {
        const Message message = Message::read(request);
        if (message.body().find("pin") == nullptr)
            return;
        const std::vector<int> usable = usable_cpus();
        bind_thread(wanted_cpus(message.body(), usable));
        remember_usable_cpus(usable);
    }
    catch (const Error&)
    {
        return; // serving the request meets the same error, and can say so
    }
    const char* arguments[] = {"edgekit_runner", request.c_str(), result.c_str(), nullptr};
    ::execv("/proc/self/exe", const_cast<char* const*>(arguments));
}

} // namespace edgekit
