// Timing every layer of a net inside one run of it.
//
// Extracting the blobs of one extractor in file order makes ncnn compute one layer at a time, on the blobs that the
// run itself made and in their packed layout, so that nothing is computed twice and nothing is unpacked.
#pragma once

#include <vector>

#include "edgekit/json.h"
#include "edgekit/session.h"
#include "edgekit/timing.h"

namespace edgekit {

/// A layer that computes something, and its index in the file.
struct Step
{
    int index;
    const ncnn::Layer* layer;
};

/// All layers that compute something, in file order.
std::vector<Step> layer_steps(const ncnn::Net& net);

/// What is known of the layers of a run.
struct LayerTimes
{
    std::vector<std::vector<double>> parts_s; ///< runs x layers
    std::vector<double> whole_s;              ///< whole runs that alternated with the layered ones
    Json described; ///< index, name, type, and inputs and outputs with blob, shape, bits and pack
};

/// Times the layers, at least twenty runs where `max_s` allows. Throws `Error`.
LayerTimes time_layers(const Session& session, const Sampling& sampling);

} // namespace edgekit
