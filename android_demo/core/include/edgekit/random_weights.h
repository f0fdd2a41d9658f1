// Random weights for a `.param` without its `.bin`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "edgekit/net.h"

namespace edgekit {

/// Loads a `.param` with random weights; returns the net and the bytes of its weights. Throws `Error`.
///
/// Activations of a deep net stay near 1: weights are uniform with the variance 1 / fan-in, biases and norm
/// parameters lie in [0.5, 1). Denormal or infinite activations would falsify the times.
std::pair<std::unique_ptr<ncnn::Net>, std::size_t>
load_random_net(const std::string& param, const ncnn::Option& option, std::uint64_t seed);

/// The same for a net whose structure is given as text.
std::pair<std::unique_ptr<ncnn::Net>, std::size_t>
random_net(const std::string& text, const ncnn::Option& option, std::uint64_t seed);

} // namespace edgekit
