// Starting over on the CPUs of a request, before OpenMP has looked at them.
#pragma once

#include <string>

namespace edgekit {

/// Binds this process to the CPUs that a request asks for and becomes a fresh one of the same program, whose OpenMP
/// then knows no others: it starts as many threads, places them and lets them wait accordingly.
///
/// Returns where that is done already, where the request asks for nothing or is none, and where a program cannot be
/// started (an emulator starts none of another architecture).
void restart_bound(const std::string& request, const std::string& result);

} // namespace edgekit
