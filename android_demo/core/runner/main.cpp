// `edgekit_runner REQUEST RESULT`: read a request folder, do what it asks, write the result folder.
//
// Exit status 0: the result folder holds a whole message, which may say `error`. Any other status (a signal above
// all) means that the process died; `RESULT/progress` then says at which step.
#include <cstdio>
#include <exception>

#include "edgekit/serve.h"

int main(int count, char** arguments)
{
    if (count != 3)
    {
        std::fputs("usage: edgekit_runner REQUEST RESULT\n", stderr);
        return 2;
    }
    try
    {
        edgekit::serve(arguments[1], arguments[2]);
    }
    catch (const std::exception& error)
    {
        std::fprintf(stderr, "edgekit_runner: %s\n", error.what());
        return 1;
    }
    return 0;
}
