// The worker protocol served: a request in, a result out.
#pragma once

#include <string>

#include "edgekit/message.h"
#include "edgekit/progress.h"

namespace edgekit {

/// Serves the request in one folder and writes the result into another.
///
/// A failure of the request becomes `error` in the result. Throws `Error` only where no result can be written.
void serve(const std::string& request_folder, const std::string& result_folder);

/// Answers one message; tensors go to `writer`, and what is returned is the message to close it with. Throws `Error`.
Json answer(const Message& message, MessageWriter& writer, Progress& progress);

} // namespace edgekit
