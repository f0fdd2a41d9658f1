// The worker protocol, version 1: a folder with `message.json` and `tensors.bin`.
//
// edgekit/worker/protocol.py of the Python package describes it; both sides have to agree.
#pragma once

#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "edgekit/array.h"
#include "edgekit/json.h"

namespace edgekit {

constexpr int protocol_version = 1;

/// A message that was read. Its tensors point into a map of the file, which lives as long as the message.
class Message
{
public:
    /// Throws `Error`: no such folder, another version, or a tensor outside the file.
    static Message read(const std::string& folder);

    const Json& body() const { return body_; }

    /// Throws `Error` where the message has no tensor of this key.
    const ArrayView& tensor(const std::string& key) const;

private:
    Json body_;
    std::shared_ptr<const void> map_;
    std::map<std::string, ArrayView> tensors_;
};

/// Writes a message; tensors go to the file as they come.
class MessageWriter
{
public:
    explicit MessageWriter(std::string folder);

    /// Keys have to be unique in the message.
    void add(const std::string& key, const ArrayView& array);

    /// Writes the JSON last and in one step, so that its presence means a whole message.
    void close(Json body);

private:
    struct Closer
    {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    using File = std::unique_ptr<std::FILE, Closer>;

    std::string folder_;
    File file_;
    std::size_t written_ = 0;
    Json::Array entries_;
};

} // namespace edgekit
