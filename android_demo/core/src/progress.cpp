#include "edgekit/progress.h"

#include <fcntl.h>
#include <unistd.h>

#include "edgekit/error.h"

namespace edgekit {

ProgressFile::ProgressFile(const std::string& folder)
    : descriptor_(::open((folder + "/progress").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600))
{
    if (descriptor_ < 0)
        throw os_error("cannot write into " + folder);
}

ProgressFile::~ProgressFile()
{
    ::close(descriptor_);
}

void ProgressFile::begin(const std::string& step)
{
    Progress::begin(step);
    // short, and no flush to disk: the kernel keeps what a dying process has written
    if (::pwrite(descriptor_, step.data(), step.size(), 0) < 0 || ::ftruncate(descriptor_, off_t(step.size())) < 0)
        throw os_error("cannot note a step");
}

} // namespace edgekit
