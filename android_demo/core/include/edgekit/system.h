// Reading what the kernel says in small files.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace edgekit {

/// The text of a file of sysfs or procfs without the white space at its end, or nothing.
std::optional<std::string> read_text(const std::string& path);

/// The integer in such a file, or nothing.
std::optional<long long> read_number(const std::string& path);

/// The lines of such a file; none where it cannot be read.
std::vector<std::string> read_lines(const std::string& path);

/// A memory field of /proc/self/status in bytes. Throws `Error`: the kernel does not tell.
long long status_bytes(const std::string& field);

} // namespace edgekit
