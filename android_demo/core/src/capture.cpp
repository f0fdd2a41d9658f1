#include "edgekit/capture.h"

#include <algorithm>

#include "edgekit/error.h"

namespace edgekit {

namespace {

Codes all(const std::vector<std::string>& blobs, int code)
{
    Codes codes;
    for (const std::string& blob : blobs)
        codes.emplace_back(blob, code);
    return codes;
}

/// Whether a result is none; a window that does not fit its input makes one of negative sizes.
bool holds_nothing(const ncnn::Mat& mat)
{
    return mat.empty() || std::min({mat.w, mat.h, mat.d, mat.c}) < 1;
}

} // namespace

CaseRunner::CaseRunner(const ncnn::Net& net, Progress& progress)
    : net_(net)
    , progress_(progress)
{
    for (const ncnn::Layer* layer : net.layers())
        for (const int top : layer->tops)
            layer_of_blob_[net.blobs()[std::size_t(top)].name] = layer->name;
}

Codes CaseRunner::run(const Case& each, const Sink& sink)
{
    std::vector<ncnn::Mat> mats; // alive until the extractor is gone
    ncnn::Extractor extractor = net_.create_extractor();
    extractor.set_light_mode(each.light_mode);
    for (const Feed& feed : each.inputs)
    {
        if (!feed.kept.empty() && kept_.count(feed.kept) == 0)
            throw value_error("no earlier case kept '" + feed.kept + "'");
        mats.push_back(feed.kept.empty() ? to_mat(feed.array) : kept_[feed.kept]);
        const int code = extractor.input(feed.blob.c_str(), mats.back());
        if (code != 0)
            return all(each.outputs, code);
    }
    Codes codes;
    for (const std::string& blob : each.outputs)
    {
        progress_.begin("layer '" + layer_of_blob_[blob] + "', blob " + blob + " of case " + each.id);
        ncnn::Mat mat;
        int code = extractor.extract(blob.c_str(), mat);
        if (code == 0 && holds_nothing(mat))
            code = -1;
        codes.emplace_back(blob, code);
        const auto dtype = each.dtypes.find(blob);
        if (code == 0)
            sink(blob, to_array(mat, dtype == each.dtypes.end() ? "float32" : dtype->second));
    }
    if (each.keeps)
        kept_.clear();
    for (const std::string& blob : each.keep)
    {
        ncnn::Mat mat;
        codes.emplace_back(blob, extractor.extract(blob.c_str(), mat));
        kept_[each.id + ":" + blob] = mat.clone();
    }
    return codes;
}

} // namespace edgekit
