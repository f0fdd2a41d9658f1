// A loaded net with its inputs and allocators, ready to be run again and again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "edgekit/net.h"

namespace edgekit {

/// What a session runs.
struct Work
{
    std::string param;
    std::string bin; ///< empty: random weights from `seed`
    Options options;
    std::vector<std::pair<std::string, ArrayView>> inputs; ///< blob -> array
    std::vector<std::string> outputs;                      ///< blobs
    std::uint64_t seed = 0;
};

/// The allocators that ncnn's own benchmark uses: an unlocked pool for blobs, a locked one for workspaces.
struct Pools
{
    Pools();
    ncnn::UnlockedPoolAllocator blob;
    ncnn::PoolAllocator workspace;
};

/// One net, its input Mats, and the indices of its inputs and outputs. Throws `Error`.
class Session
{
public:
    explicit Session(const Work& work, bool pooled = true);

    const ncnn::Net& net() const { return *net_; }
    const std::vector<int>& outputs() const { return outputs_; }
    double load_s() const { return load_s_; }
    std::size_t weights_bytes() const { return weights_bytes_; }

    /// Replaces the array of an input, in the order of `Work::inputs`.
    void set_input(std::size_t index, const ArrayView& array);

    /// Puts the inputs into an extractor of this net. Throws `Error`: ncnn refused one.
    void feed(ncnn::Extractor& extractor) const;

    /// A new extractor with the inputs in it. Throws `Error`: ncnn refused one.
    ncnn::Extractor start() const;

    /// Runs the whole net once; returns the seconds from making the extractor to its end. Throws `Error`.
    double infer() const;

    /// The same, and `results` get the outputs (float32), in the order of `Work::outputs`. Throws `Error`.
    double infer(std::vector<Array>& results) const;

private:
    double extract(std::vector<ncnn::Mat>& mats) const;

    // ncnn wants Mats gone before the net, and the net before the allocators: members die from below
    std::unique_ptr<Pools> pools_;
    std::unique_ptr<ncnn::Net> net_;
    std::vector<std::pair<int, ncnn::Mat>> inputs_;
    std::vector<int> outputs_;
    double load_s_ = 0;
    std::size_t weights_bytes_ = 0;
};

} // namespace edgekit
