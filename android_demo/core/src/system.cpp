#include "edgekit/system.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "edgekit/error.h"

namespace edgekit {

std::optional<std::string> read_text(const std::string& path)
{
    std::ifstream file(path);
    if (!file)
        return std::nullopt;
    std::ostringstream stream;
    stream << file.rdbuf();
    if (file.bad())
        return std::nullopt;
    std::string text = stream.str();
    text.erase(text.find_last_not_of(" \t\r\n") + 1);
    return text;
}

std::optional<long long> read_number(const std::string& path)
{
    const std::optional<std::string> text = read_text(path);
    if (!text || text->empty())
        return std::nullopt;
    char* end = nullptr;
    const long long value = std::strtoll(text->c_str(), &end, 10);
    return *end == '\0' ? std::optional<long long>(value) : std::nullopt;
}

std::vector<std::string> read_lines(const std::string& path)
{
    std::vector<std::string> lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
        lines.push_back(line);
    return lines;
}

long long status_bytes(const std::string& field)
{
    for (const std::string& line : read_lines("/proc/self/status"))
        if (line.rfind(field + ":", 0) == 0)
            return std::strtoll(line.c_str() + field.size() + 1, nullptr, 10) * 1024;
    throw Error("OSError", "/proc/self/status has no " + field);
}

} // namespace edgekit
