#include "edgekit/session.h"

#include <sys/stat.h>

#include <tuple>

#include "edgekit/clock.h"
#include "edgekit/error.h"
#include "edgekit/random_weights.h"

namespace edgekit {

namespace {

std::size_t file_size(const std::string& path)
{
    struct stat status = {};
    if (::stat(path.c_str(), &status) != 0)
        throw os_error("cannot read " + path);
    return std::size_t(status.st_size);
}

} // namespace

Pools::Pools()
{
    blob.set_size_compare_ratio(0.f);
    workspace.set_size_compare_ratio(0.f);
}

Session::Session(const Work& work, bool pooled)
{
    const double begin = now_s();
    ncnn::Option option = make_option(work.options);
    if (pooled)
    {
        pools_ = std::make_unique<Pools>();
        option.blob_allocator = &pools_->blob;
        option.workspace_allocator = &pools_->workspace;
    }
    if (work.bin.empty())
    {
        std::tie(net_, weights_bytes_) = load_random_net(work.param, option, work.seed);
    }
    else
    {
        weights_bytes_ = file_size(work.bin);
        net_ = load_net(work.param, work.bin, option);
    }
    load_s_ = now_s() - begin;
    for (const auto& [blob, array] : work.inputs)
        inputs_.emplace_back(blob_index(*net_, blob), to_mat(array));
    for (const std::string& blob : work.outputs)
        outputs_.push_back(blob_index(*net_, blob));
}

void Session::set_input(std::size_t index, const ArrayView& array)
{
    inputs_.at(index).second = to_mat(array);
}

void Session::feed(ncnn::Extractor& extractor) const
{
    for (const auto& [index, mat] : inputs_)
        if (extractor.input(index, mat) != 0)
            throw net_error("ncnn refuses an input");
}

ncnn::Extractor Session::start() const
{
    ncnn::Extractor extractor = net_->create_extractor();
    feed(extractor);
    return extractor;
}

double Session::infer() const
{
    std::vector<ncnn::Mat> mats(outputs_.size());
    return extract(mats);
}

double Session::infer(std::vector<Array>& results) const
{
    std::vector<ncnn::Mat> mats(outputs_.size());
    const double seconds = extract(mats);
    results.clear();
    for (const ncnn::Mat& mat : mats)
        results.push_back(to_array(mat));
    return seconds;
}

double Session::extract(std::vector<ncnn::Mat>& mats) const
{
    const double begin = now_s();
    ncnn::Extractor extractor = start();
    int code = 0;
    for (std::size_t i = 0; i < outputs_.size(); ++i)
        code |= extractor.extract(outputs_[i], mats[i]);
    extractor.clear();
    const double end = now_s();
    for (const ncnn::Mat& mat : mats)
        if (mat.empty())
            code = -1;
    if (code != 0)
        throw net_error("ncnn could not compute the outputs from these inputs");
    return end - begin;
}

} // namespace edgekit
