#include "edgekit/error.h"

#include <cerrno>
#include <cstring>

namespace edgekit {

Error os_error(const std::string& what)
{
    return Error("OSError", what + ": " + std::strerror(errno));
}

} // namespace edgekit
