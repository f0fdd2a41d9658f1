// The last step that was begun, on disk before it begins, so that a crash can be placed.
#pragma once

#include <string>

namespace edgekit {

/// Where steps are told to. This one tells nobody.
class Progress
{
public:
    virtual ~Progress() = default;

    /// Notes what begins now (`layer 'conv_7', blob 33 of case capture`).
    virtual void begin(const std::string& step) { step_ = step; }

    const std::string& step() const { return step_; }

protected:
    std::string step_;
};

/// Writes every step to `FOLDER/progress`.
class ProgressFile : public Progress
{
public:
    explicit ProgressFile(const std::string& folder);
    ~ProgressFile() override;
    ProgressFile(const ProgressFile&) = delete;
    ProgressFile& operator=(const ProgressFile&) = delete;

    void begin(const std::string& step) override;

private:
    int descriptor_;
};

} // namespace edgekit
