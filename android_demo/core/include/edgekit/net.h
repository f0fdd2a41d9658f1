// Loading a net, and moving arrays in and out of ncnn.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <net.h>

#include "edgekit/array.h"

namespace edgekit {

/// Fields of `ncnn::Option` by name; switches are 0 or 1.
using Options = std::vector<std::pair<std::string, int>>;

/// ncnn's defaults with these options set. Throws `Error`: this ncnn has none of such a name.
ncnn::Option make_option(const Options& options);

/// A net with structure and weights. Throws `Error`: ncnn refused a file.
std::unique_ptr<ncnn::Net> load_net(const std::string& param, const std::string& bin, const ncnn::Option& option);

/// The index of a blob. Throws `Error`: the net has none of that name.
int blob_index(const ncnn::Net& net, const std::string& name);

/// A Mat that owns a copy of an array (float32 or int32); its batch axis becomes `Mat::n`.
ncnn::Mat to_mat(const ArrayView& array);

/// A copy of an unpacked Mat: (n,) c, d, h, w without the axes that it lacks, the batch axis first.
Array to_array(const ncnn::Mat& mat, const std::string& dtype = "float32");

/// Shape of a Mat, packing undone, outermost axis first.
std::vector<std::int64_t> shape_of(const ncnn::Mat& mat);

} // namespace edgekit
