// Serving one request for the length of one connection, and leaving nothing behind.
#pragma once

#include <string>

namespace edgekit {

/// Talks to the host over stdin and stdout; returns the exit status.
///
/// Makes a folder of its own below `parent` with `request`, `files` and `result`, and says where on stdout: a line
/// of JSON after the word `edgekit:`. A line of JSON from stdin (`timeout_s` for all of the work, `silent_s` or null
/// for one step of it, `environment`) starts the work in a process of its own; how it ended (`code`, negative for a
/// signal, `stderr`, `limit_s`, the limit that it went beyond, or null) goes to stdout as another such line. When stdin ends, at any time, the work is ended and the folder removed.
int supervise(const std::string& parent);

} // namespace edgekit
