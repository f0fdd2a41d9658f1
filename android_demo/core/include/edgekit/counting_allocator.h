// An allocator that knows how many of the bytes it was asked for are alive.
#pragma once

#include <allocator.h>

#include <mutex>
#include <unordered_map>

namespace edgekit {

/// Slow: never used while timing. May be entered by several threads.
class CountingAllocator : public ncnn::Allocator
{
public:
    void* fastMalloc(std::size_t size) override;
    void fastFree(void* block) override;

    std::size_t peak_bytes() const { return peak_bytes_; }

    /// Forgets the peak so far.
    void restart_peak() { peak_bytes_ = live_bytes_; }

private:
    std::mutex mutex_;
    std::unordered_map<void*, std::size_t> sizes_;
    std::size_t live_bytes_ = 0;
    std::size_t peak_bytes_ = 0;
};

} // namespace edgekit
