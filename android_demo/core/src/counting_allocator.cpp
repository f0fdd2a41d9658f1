#include "edgekit/counting_allocator.h"

#include <algorithm>

namespace edgekit {

void* CountingAllocator::fastMalloc(std::size_t size)
{
    void* block = ncnn::fastMalloc(size);
    const std::lock_guard<std::mutex> lock(mutex_);
    sizes_[block] = size;
    live_bytes_ += size;
    peak_bytes_ = std::max(peak_bytes_, live_bytes_);
    return block;
}

void CountingAllocator::fastFree(void* block)
{
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = sizes_.find(block);
        if (found != sizes_.end())
        {
            live_bytes_ -= found->second;
            sizes_.erase(found);
        }
    }
    ncnn::fastFree(block);
}

} // namespace edgekit
