#include "edgekit/net.h"

#include <cstring>

#include "edgekit/error.h"

namespace edgekit {

namespace {

struct Switch
{
    const char* name;
    bool ncnn::Option::*field;
};

constexpr Switch switches[] = {
    {"lightmode", &ncnn::Option::lightmode},
    {"use_bf16_packed", &ncnn::Option::use_bf16_packed},
    {"use_bf16_storage", &ncnn::Option::use_bf16_storage},
    {"use_fp16_arithmetic", &ncnn::Option::use_fp16_arithmetic},
    {"use_fp16_packed", &ncnn::Option::use_fp16_packed},
    {"use_fp16_storage", &ncnn::Option::use_fp16_storage},
    {"use_int8_arithmetic", &ncnn::Option::use_int8_arithmetic},
    {"use_int8_inference", &ncnn::Option::use_int8_inference},
    {"use_int8_packed", &ncnn::Option::use_int8_packed},
    {"use_int8_storage", &ncnn::Option::use_int8_storage},
    {"use_packing_layout", &ncnn::Option::use_packing_layout},
    {"use_sgemm_convolution", &ncnn::Option::use_sgemm_convolution},
    {"use_vulkan_compute", &ncnn::Option::use_vulkan_compute},
    {"use_winograd23_convolution", &ncnn::Option::use_winograd23_convolution},
    {"use_winograd43_convolution", &ncnn::Option::use_winograd43_convolution},
    {"use_winograd63_convolution", &ncnn::Option::use_winograd63_convolution},
    {"use_winograd_convolution", &ncnn::Option::use_winograd_convolution},
};

/// The axes of one sample, outermost first.
std::vector<std::int64_t> sample_shape(const ncnn::Mat& mat)
{
    const std::int64_t pack = mat.elempack;
    switch (mat.dims)
    {
    case 1: return {mat.w * pack};
    case 2: return {mat.h * pack, mat.w};
    case 3: return {mat.c * pack, mat.h, mat.w};
    case 4: return {mat.c * pack, mat.d, mat.h, mat.w};
    default: return {};
    }
}

ncnn::Mat new_mat(const std::vector<std::int64_t>& shape, std::size_t size, int batches)
{
    std::vector<int> axes(shape.begin(), shape.end());
    ncnn::Mat mat;
    switch (axes.size())
    {
    case 1: mat.create(axes[0], size, 1, batches); break;
    case 2: mat.create(axes[1], axes[0], size, 1, batches); break;
    case 3: mat.create(axes[2], axes[1], axes[0], size, 1, batches); break;
    case 4: mat.create(axes[3], axes[2], axes[1], axes[0], size, 1, batches); break;
    default: throw value_error("a Mat has one to four axes, not " + std::to_string(axes.size()));
    }
    if (mat.empty())
        throw value_error("no Mat can be made of an empty tensor");
    return mat;
}

/// Bytes of one channel (of a whole sample below three axes), and how many there are.
std::pair<std::size_t, int> planes(const ncnn::Mat& mat)
{
    const std::size_t plane = std::size_t(mat.w) * mat.h * mat.d * mat.elemsize;
    return {plane, mat.dims < 3 ? 1 : mat.c};
}

unsigned char* channel(const ncnn::Mat& mat, int batch, int index)
{
    unsigned char* data = static_cast<unsigned char*>(mat.data);
    return data + (mat.nstep * batch + mat.cstep * index) * mat.elemsize;
}

/// Copies `array` without its batch axis, sample by sample, whatever place that axis has.
void copy_batched(const ArrayView& array, const ncnn::Mat& mat, std::size_t item)
{
    const std::size_t axis = std::size_t(*array.batch_axis);
    const std::size_t outer = std::size_t(count({array.shape.begin(), array.shape.begin() + axis}));
    const std::size_t inner = std::size_t(count({array.shape.begin() + axis + 1, array.shape.end()})) * item;
    const auto* source = static_cast<const unsigned char*>(array.data);
    const auto [plane, channels] = planes(mat);
    std::vector<unsigned char> sample(plane * channels);
    for (int batch = 0; batch < mat.n; ++batch)
    {
        for (std::size_t row = 0; row < outer; ++row)
            std::memcpy(&sample[row * inner], source + (row * std::size_t(mat.n) + std::size_t(batch)) * inner, inner);
        for (int index = 0; index < channels; ++index)
            std::memcpy(channel(mat, batch, index), &sample[plane * index], plane);
    }
}

/// Sets one option.
void set_option(ncnn::Option& option, const std::string& name, int value)
{
    if (name == "num_threads")
    {
        option.num_threads = value;
        return;
    }
    if (name == "openmp_blocktime")
    {
        option.openmp_blocktime = value;
        return;
    }
    for (const Switch& each : switches)
        if (name == each.name)
        {
            option.*each.field = value != 0;
            return;
        }
    throw net_error("this ncnn has no option '" + name + "'");
}

} // namespace

ncnn::Option make_option(const Options& options)
{
    ncnn::Option option;
    for (const auto& [name, value] : options)
        set_option(option, name, value);
    return option;
}

std::unique_ptr<ncnn::Net> load_net(const std::string& param, const std::string& bin, const ncnn::Option& option)
{
    auto net = std::make_unique<ncnn::Net>();
    net->opt = option;
    int code = net->load_param(param.c_str());
    if (code != 0)
        throw net_error("ncnn refuses the param file (load_param returned " + std::to_string(code) + ")");
    code = net->load_model(bin.c_str());
    if (code != 0)
        throw net_error("ncnn refuses the bin file (load_model returned " + std::to_string(code) + ")");
    return net;
}

int blob_index(const ncnn::Net& net, const std::string& name)
{
    const std::vector<ncnn::Blob>& blobs = net.blobs();
    for (std::size_t index = 0; index < blobs.size(); ++index)
        if (blobs[index].name == name)
            return int(index);
    throw net_error("the net has no blob '" + name + "'");
}

ncnn::Mat to_mat(const ArrayView& array)
{
    if (array.dtype != "float32" && array.dtype != "int32")
        throw value_error("ncnn takes float32 and int32, not " + array.dtype);
    const std::size_t item = item_size(array.dtype);
    std::vector<std::int64_t> shape = array.shape;
    int batches = 1;
    if (array.batch_axis)
    {
        if (*array.batch_axis < 0 || *array.batch_axis >= int(shape.size()))
            throw value_error("the batch axis is none of the tensor's axes");
        batches = int(shape[std::size_t(*array.batch_axis)]);
        shape.erase(shape.begin() + *array.batch_axis);
    }
    const ncnn::Mat mat = new_mat(shape, item, batches);
    if (array.batch_axis)
    {
        copy_batched(array, mat, item);
        return mat;
    }
    const auto [plane, channels] = planes(mat);
    for (int index = 0; index < channels; ++index)
        std::memcpy(channel(mat, 0, index), static_cast<const unsigned char*>(array.data) + plane * index, plane);
    return mat;
}

Array to_array(const ncnn::Mat& mat, const std::string& dtype)
{
    if (mat.elempack != 1 || mat.elemsize != item_size(dtype))
        throw net_error("ncnn left " + std::to_string(mat.elemsize * 8 / std::size_t(mat.elempack)) +
                        " bits per number in packs of " + std::to_string(mat.elempack) + ", expected plain " + dtype);
    Array array{dtype, shape_of(mat), std::nullopt, {}};
    if (mat.n > 1)
        array.batch_axis = 0;
    const auto [plane, channels] = planes(mat);
    array.bytes.resize(plane * channels * mat.n);
    for (int batch = 0; batch < mat.n; ++batch)
        for (int index = 0; index < channels; ++index)
            std::memcpy(&array.bytes[plane * (std::size_t(batch) * channels + index)], channel(mat, batch, index), plane);
    return array;
}

std::vector<std::int64_t> shape_of(const ncnn::Mat& mat)
{
    std::vector<std::int64_t> shape = sample_shape(mat);
    if (mat.n > 1)
        shape.insert(shape.begin(), mat.n);
    return shape;
}

} // namespace edgekit
