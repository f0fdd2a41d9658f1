// What goes wrong, in words for the person who asked.
#pragma once

#include <stdexcept>
#include <string>

namespace edgekit {

/// A failure of a request: `kind` tells programs what it is about, `what()` tells people.
class Error : public std::runtime_error
{
public:
    Error(std::string kind, const std::string& message)
        : std::runtime_error(message)
        , kind_(std::move(kind))
    {
    }

    /// `NetError` (ncnn refused something), `ValueError` (the request makes no sense) or `OSError`.
    const std::string& kind() const { return kind_; }

private:
    std::string kind_;
};

/// ncnn refused a file, an input or an extraction.
inline Error net_error(const std::string& message) { return Error("NetError", message); }

/// The request asks for something that does not exist or cannot be.
inline Error value_error(const std::string& message) { return Error("ValueError", message); }

/// A file or a folder could not be read or written; `errno` says why.
Error os_error(const std::string& what);

} // namespace edgekit
