#include "edgekit/array.h"

#include <cstring>
#include <numeric>

#include "edgekit/error.h"

namespace edgekit {

std::size_t item_size(const std::string& dtype)
{
    if (dtype == "float32" || dtype == "int32")
        return 4;
    if (dtype == "float64")
        return 8;
    throw value_error("no tensor has the dtype '" + dtype + "'");
}

std::int64_t count(const std::vector<std::int64_t>& shape)
{
    return std::accumulate(shape.begin(), shape.end(), std::int64_t(1), std::multiplies<>());
}

Array doubles(const std::vector<double>& values, std::vector<std::int64_t> shape)
{
    Array array{"float64", std::move(shape), std::nullopt, {}};
    array.bytes.resize(values.size() * sizeof(double));
    if (!values.empty())
        std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
    return array;
}

} // namespace edgekit
