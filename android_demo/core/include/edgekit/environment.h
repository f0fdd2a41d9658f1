// What can be seen of the machine that this runs on.
#pragma once

#include "edgekit/json.h"

namespace edgekit {

/// `arch`, `cpu`, `cores`, `system`, `ncnn` (its version) and `features` (what ncnn saw of the CPU).
Json environment();

} // namespace edgekit
