// ncnn asks for four bytes of storage flag before most weights (0: raw fp32), and for biases and norm parameters
// without one.
#include "edgekit/random_weights.h"

#include <datareader.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <random>
#include <sstream>

#include "edgekit/error.h"

namespace edgekit {

namespace {

struct Expected
{
    std::size_t weights;
    std::size_t fan_in;
};

/// Ids of the number of outputs (always 0) and of weights, of the layer types whose parameters tell.
int weight_id(const std::string& type)
{
    static const char* const convolutions[] = {
        "Convolution", "Convolution1D", "Convolution3D", "ConvolutionDepthWise", "ConvolutionDepthWise1D",
        "ConvolutionDepthWise3D", "Deconvolution", "Deconvolution1D", "Deconvolution3D", "DeconvolutionDepthWise",
        "DeconvolutionDepthWise1D", "DeconvolutionDepthWise3D"};
    for (const char* name : convolutions)
        if (type == name)
            return 6;
    return type == "InnerProduct" ? 2 : -1;
}

std::deque<Expected> expected_weights(const std::string& text)
{
    std::deque<Expected> found;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
    {
        std::istringstream words(line);
        std::string type, word;
        words >> type;
        const int id = weight_id(type);
        if (id < 0)
            continue;
        const std::string outputs_key = "0=", weights_key = std::to_string(id) + "=";
        std::size_t outputs = 0, weights = 0;
        while (words >> word)
        {
            if (word.rfind(outputs_key, 0) == 0)
                outputs = std::strtoul(word.c_str() + outputs_key.size(), nullptr, 10);
            else if (word.rfind(weights_key, 0) == 0)
                weights = std::strtoul(word.c_str() + weights_key.size(), nullptr, 10);
        }
        if (outputs > 0 && weights > 0)
            found.push_back({weights, std::max<std::size_t>(1, weights / outputs)});
    }
    return found;
}

/// A reader whose file never ends.
class RandomReader : public ncnn::DataReader
{
public:
    RandomReader(std::deque<Expected> expected, std::uint64_t seed)
        : expected_(std::move(expected))
        , random_(seed)
    {
    }

    int scan(const char*, void*) const override { return 0; }

    std::size_t read(void* buffer, std::size_t size) const override
    {
        if (size == 4) // may be a flag
        {
            std::memset(buffer, 0, size);
            flagged_ = true;
            return size;
        }
        const auto [low, high] = range(size / sizeof(float));
        flagged_ = false;
        total_ += size;
        std::uniform_real_distribution<float> values(low, high);
        unsigned char* bytes = static_cast<unsigned char*>(buffer);
        for (std::size_t done = 0; done < size; done += sizeof(float))
        {
            const float value = values(random_);
            std::memcpy(bytes + done, &value, std::min(sizeof(float), size - done));
        }
        return size;
    }

    /// Bytes that were served, flags left out.
    std::size_t total() const { return total_; }

private:
    std::pair<float, float> range(std::size_t numbers) const
    {
        if (!flagged_)
            return {0.5f, 1.0f};
        double fan_in = std::max(1.0, std::sqrt(double(numbers))); // of a square matrix, where nothing tells
        if (!expected_.empty() && expected_.front().weights == numbers)
        {
            fan_in = double(expected_.front().fan_in);
            expected_.pop_front();
        }
        const float bound = float(std::sqrt(3.0 / fan_in));
        return {-bound, bound};
    }

    mutable std::deque<Expected> expected_; // `read` is const in ncnn
    mutable std::mt19937_64 random_;
    mutable std::size_t total_ = 0;
    mutable bool flagged_ = false;
};

} // namespace

std::pair<std::unique_ptr<ncnn::Net>, std::size_t>
load_random_net(const std::string& param, const ncnn::Option& option, std::uint64_t seed)
{
    std::ifstream file(param, std::ios::binary);
    if (!file)
        throw os_error("cannot read " + param);
    std::ostringstream text;
    text << file.rdbuf();
    return random_net(text.str(), option, seed);
}

std::pair<std::unique_ptr<ncnn::Net>, std::size_t>
random_net(const std::string& text, const ncnn::Option& option, std::uint64_t seed)
{
    auto net = std::make_unique<ncnn::Net>();
    net->opt = option;
    int code = net->load_param_mem(text.c_str());
    if (code != 0)
        throw net_error("ncnn refuses the param file (load_param returned " + std::to_string(code) + ")");
    RandomReader reader(expected_weights(text), seed);
    code = net->load_model(reader);
    if (code != 0)
        throw net_error("ncnn cannot load random weights into this net (load_model returned " + std::to_string(code) + ")");
    return {std::move(net), reader.total()};
}

} // namespace edgekit
