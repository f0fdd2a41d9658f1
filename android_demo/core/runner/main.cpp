// `edgekit_runner REQUEST RESULT`: read a request folder, do what it asks, write the result folder.
// `edgekit_runner --serve FOLDER`: do that for a host at the other end of stdin and stdout, see supervise.h.
//
// Exit status 0: the result folder holds a whole message, which may say `error`. Any other status (a signal above
// all) means that the process died; `RESULT/progress` then says at which step.
#include <cstdio>
#include <exception>
#include <string>

#include "edgekit/serve.h"
#include "restart.h"
#include "supervise.h"

int main(int count, char** arguments)
{
    if (count != 3)
    {
        std::fputs("usage: edgekit_runner REQUEST RESULT\n       edgekit_runner --serve FOLDER\n", stderr);
        return 2;
    }
    try
    {
        if (std::string(arguments[1]) == "--serve")
            return edgekit::supervise(arguments[2]);
        edgekit::restart_bound(arguments[1], arguments[2]);
        edgekit::serve(arguments[1], arguments[2]);
    }
    catch (const std::exception& error)
    {
        std::fprintf(stderr, "edgekit_runner: %s\n", error.what());
        return 1;
    }
    return 0;
}
