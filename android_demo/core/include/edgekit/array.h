// Numbers with a shape, as they travel in messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace edgekit {

/// Contiguous numbers that somebody else owns. Shapes are outermost axis first.
struct ArrayView
{
    std::string dtype; ///< `float32`, `int32` or `float64`
    std::vector<std::int64_t> shape;
    std::optional<int> batch_axis; ///< the axis that ncnn keeps as `Mat::n`
    const void* data = nullptr;
    std::size_t nbytes = 0;
};

/// Contiguous numbers with their memory.
struct Array
{
    std::string dtype;
    std::vector<std::int64_t> shape;
    std::optional<int> batch_axis;
    std::vector<unsigned char> bytes;

    ArrayView view() const { return {dtype, shape, batch_axis, bytes.data(), bytes.size()}; }
};

/// Bytes of one number. Throws `Error` for a dtype that messages do not have.
std::size_t item_size(const std::string& dtype);

/// Numbers of an array of this shape.
std::int64_t count(const std::vector<std::int64_t>& shape);

/// A `float64` array of this shape that owns a copy of the values.
Array doubles(const std::vector<double>& values, std::vector<std::int64_t> shape);

} // namespace edgekit
