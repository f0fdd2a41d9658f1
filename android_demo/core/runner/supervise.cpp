#include "supervise.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "edgekit/affinity.h"
#include "edgekit/clock.h"
#include "edgekit/error.h"
#include "edgekit/json.h"
#include "edgekit/message.h"
#include "edgekit/serve.h"
#include "edgekit/system.h"

namespace edgekit {

namespace {

constexpr std::size_t kept_stderr = 4000;
constexpr const char* folder_prefix = "run-";
constexpr double look_s = 1;

volatile sig_atomic_t told_to_leave = 0;

void leave(int)
{
    told_to_leave = 1;
}

/// The folder of this run; gone with it.
class Folder
{
public:
    explicit Folder(const std::string& parent)
    {
        std::filesystem::create_directories(parent);
        remove_abandoned(parent);
        path_ = parent + "/" + folder_prefix + std::to_string(::getpid());
        for (const char* name : {"/request", "/files", "/result"})
            std::filesystem::create_directories(path_ + name);
    }
    ~Folder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    const std::string& path() const { return path_; }

private:
    /// Removes the folders of runs that were killed before they could do it themselves.
    static void remove_abandoned(const std::string& parent)
    {
        std::error_code ignored;
        for (const auto& entry : std::filesystem::directory_iterator(parent, ignored))
        {
            const std::string name = entry.path().filename().string();
            const int process = name.rfind(folder_prefix, 0) == 0 ? std::atoi(name.c_str() + 4) : 0;
            const bool dead = process > 0 && ::kill(process, 0) != 0 && errno == ESRCH;
            if (dead || process == ::getpid())
                std::filesystem::remove_all(entry.path(), ignored);
        }
    }

    std::string path_;
};

void say(const Json& message)
{
    std::printf("edgekit:%s\n", message.text().c_str());
    std::fflush(stdout);
}

/// Waits until the host has something to say. False when the connection or the time is over; `also` is a descriptor
/// whose end is waited for as well.
bool wait_for_input(int also, double deadline_s, bool& also_ended)
{
    while (!told_to_leave)
    {
        const double left_s = std::min(deadline_s - now_s(), 1e6);
        if (left_s <= 0)
            return false;
        pollfd descriptors[] = {{0, POLLIN, 0}, {also, POLLIN, 0}};
        const int ready = ::poll(descriptors, also < 0 ? 1 : 2, int(std::ceil(left_s * 1000)));
        also_ended = also >= 0 && ready > 0 && descriptors[1].revents != 0;
        if (also_ended || (ready > 0 && descriptors[0].revents != 0))
            return true;
    }
    return false;
}

/// Reads a line from the host; false where the connection ends before it does.
bool read_line(std::string& line)
{
    bool unused = false;
    for (char byte = 0; wait_for_input(-1, HUGE_VAL, unused) && ::read(0, &byte, 1) == 1;)
    {
        if (byte == '\n')
            return true;
        line += byte;
    }
    return false;
}

/// In the child: becomes a process whose OpenMP sees its variables and its CPUs from the start, and serves there.
///
/// An emulator cannot start a program of another architecture: then the request is served here.
[[noreturn]] void work(const std::string& folder, const Json& header)
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int errors = ::open((folder + "/stderr").c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
    ::dup2(errors, 2);
    ::dup2(errors, 1);
    const std::string request = folder + "/request", result = folder + "/result";
    ::chdir(folder.c_str());
    for (const auto& [name, value] : header.at("environment").object())
        ::setenv(name.c_str(), value.string().c_str(), 1);
    const char* arguments[] = {"edgekit_runner", request.c_str(), result.c_str(), nullptr};
    ::execv("/proc/self/exe", const_cast<char* const*>(arguments));
    int code = 0;
    try
    {
        serve(request, result);
    }
    catch (const std::exception& error)
    {
        std::fprintf(stderr, "%s\n", error.what());
        code = 1;
    }
    std::fflush(stderr);
    ::_exit(code);
}

/// The limits of the work: for all of it, and for one step, each of which it notes in the file `progress`.
///
/// The clock of a phone may be set meanwhile, so only changes of the file's time count.
class Limits
{
public:
    Limits(const Json& header, std::string progress) : progress_(std::move(progress))
    {
        timeout_s_ = header.at("timeout_s").number();
        if (!header.at("silent_s").is_null())
            silent_s_ = header.at("silent_s").number();
    }

    /// The limit that the work is beyond, or null.
    Json exceeded()
    {
        struct stat seen = {};
        const bool there = ::stat(progress_.c_str(), &seen) == 0;
        if (there && (seen.st_mtim.tv_sec != noted_.tv_sec || seen.st_mtim.tv_nsec != noted_.tv_nsec))
        {
            noted_ = seen.st_mtim;
            heard_s_ = now_s();
        }
        if (now_s() >= begin_s_ + timeout_s_)
            return timeout_s_;
        return now_s() >= heard_s_ + silent_s_ ? Json(silent_s_) : Json();
    }

    /// When to look again.
    double next_s() const
    {
        return std::min({now_s() + look_s, begin_s_ + timeout_s_, heard_s_ + silent_s_});
    }

private:
    std::string progress_;
    timespec noted_ = {};
    double begin_s_ = now_s(), heard_s_ = begin_s_;
    double timeout_s_ = 0, silent_s_ = HUGE_VAL;
};

/// Runs the request to its end; false when the connection is over before.
bool run(const std::string& folder, const Json& header, Json& ending)
{
    Limits limits(header, folder + "/result/progress");
    int ends[2];
    if (::pipe(ends) != 0)
        throw os_error("no pipe");
    const pid_t child = ::fork(); // it holds the other end of the pipe for as long as it lives
    if (child < 0)
        throw os_error("no process");
    if (child == 0)
    {
        ::close(ends[0]);
        work(folder, header);
    }
    ::close(ends[1]);
    bool ended = false, heard = false;
    Json limit_s;
    while (!heard && !told_to_leave && limit_s.is_null())
    {
        heard = wait_for_input(ends[0], limits.next_s(), ended);
        if (!heard)
            limit_s = limits.exceeded();
    }
    if (!ended)
        ::kill(child, SIGKILL);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    ::close(ends[0]);
    if (!ended && limit_s.is_null())
        return false;
    std::string said = read_text(folder + "/stderr").value_or("");
    if (said.size() > kept_stderr)
        said.erase(0, said.size() - kept_stderr);
    ending.set("code", WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
    ending.set("stderr", said).set("limit_s", limit_s);
    return true;
}

} // namespace

int supervise(const std::string& parent)
{
    struct sigaction action = {};
    action.sa_handler = leave; // without SA_RESTART: poll returns
    for (const int number : {SIGHUP, SIGINT, SIGTERM})
        ::sigaction(number, &action, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    const Folder folder(parent);
    say(Json().set("folder", folder.path()));
    std::string line;
    if (!read_line(line))
        return 1;
    Json ending;
    if (!run(folder.path(), Json::parse(line), ending))
        return 1;
    say(ending);
    for (std::string rest; read_line(rest); rest.clear())
        continue;
    return 0;
}

} // namespace edgekit
