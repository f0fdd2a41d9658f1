// Running a net on cases: inject some blobs, extract others.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "edgekit/net.h"
#include "edgekit/progress.h"

namespace edgekit {

/// What goes into a blob: an array, or what an earlier case kept (`kept` is `CASE:BLOB` then).
struct Feed
{
    std::string blob;
    ArrayView array;
    std::string kept;
};

/// One extractor's work: inject, then extract in this order.
///
/// A whole-net capture injects the inputs and extracts every blob; a layer in isolation injects the layer's own
/// inputs and extracts its outputs, which makes ncnn run just that layer.
struct Case
{
    std::string id;
    std::vector<Feed> inputs;
    std::vector<std::string> outputs;
    bool light_mode = false;
    std::map<std::string, std::string> dtypes; ///< of outputs that are not float32
    bool keeps = false;                        ///< whether `keep` replaces what earlier cases kept
    std::vector<std::string> keep;
};

/// Blob -> what ncnn's `extract` returned; -1 stands for an empty result.
using Codes = std::vector<std::pair<std::string, int>>;

/// Told of every blob that was extracted.
using Sink = std::function<void(const std::string& blob, const Array& array)>;

/// Runs cases on one net, one after the other.
class CaseRunner
{
public:
    CaseRunner(const ncnn::Net& net, Progress& progress);

    /// Runs one case on an extractor of its own. What ncnn refuses is a code, not an exception.
    Codes run(const Case& each, const Sink& sink);

private:
    const ncnn::Net& net_;
    Progress& progress_;
    std::map<std::string, std::string> layer_of_blob_;
    std::map<std::string, ncnn::Mat> kept_;
};

} // namespace edgekit
