#include "edgekit/message.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "edgekit/error.h"

namespace edgekit {

namespace {

constexpr std::size_t alignment = 64;
constexpr const char* message_file = "/message.json";
constexpr const char* tensor_file = "/tensors.bin";

std::string read_file(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file)
        throw os_error("cannot read " + path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// Maps a whole file; an empty one gives nullptr.
std::shared_ptr<const void> map_file(const std::string& path, std::size_t& size)
{
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        throw os_error("cannot read " + path);
    struct stat status = {};
    ::fstat(descriptor, &status);
    size = std::size_t(status.st_size);
    void* data = size == 0 ? nullptr : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    ::close(descriptor);
    if (data == MAP_FAILED)
        throw os_error("cannot map " + path);
    return std::shared_ptr<const void>(data, [size](const void* address) {
        if (address != nullptr)
            ::munmap(const_cast<void*>(address), size);
    });
}

ArrayView read_entry(const Json& entry, const void* data, std::size_t size)
{
    ArrayView view;
    view.dtype = entry.at("dtype").string();
    for (const Json& axis : entry.at("shape").array())
        view.shape.push_back(axis.integer());
    if (!entry.at("batch_axis").is_null())
        view.batch_axis = int(entry.at("batch_axis").integer());
    const auto offset = entry.at("offset").integer(), nbytes = entry.at("nbytes").integer();
    const std::string& key = entry.at("key").string();
    if (offset < 0 || nbytes < 0 || std::size_t(offset) > size || std::size_t(nbytes) > size - std::size_t(offset))
        throw value_error("tensor '" + key + "' lies outside tensors.bin");
    if (count(view.shape) * std::int64_t(item_size(view.dtype)) != nbytes)
        throw value_error("tensor '" + key + "' has another size than its shape");
    view.data = static_cast<const unsigned char*>(data) + offset;
    view.nbytes = std::size_t(nbytes);
    return view;
}

} // namespace

Message Message::read(const std::string& folder)
{
    Message message;
    message.body_ = Json::parse(read_file(folder + message_file));
    const Json* version = message.body_.find("protocol");
    if (version == nullptr || version->text() != std::to_string(protocol_version))
        throw value_error(
            "worker protocol " + (version ? version->text() : "None") + ", expected " + std::to_string(protocol_version));
    std::size_t size = 0;
    message.map_ = map_file(folder + tensor_file, size);
    for (const Json& entry : message.body_.at("tensors").array())
        message.tensors_[entry.at("key").string()] = read_entry(entry, message.map_.get(), size);
    return message;
}

const ArrayView& Message::tensor(const std::string& key) const
{
    const auto found = tensors_.find(key);
    if (found == tensors_.end())
        throw value_error("the message has no tensor '" + key + "'");
    return found->second;
}

MessageWriter::MessageWriter(std::string folder)
    : folder_(std::move(folder))
    , file_(std::fopen((folder_ + tensor_file).c_str(), "wb"))
{
    if (!file_)
        throw os_error("cannot write into " + folder_);
}

void MessageWriter::add(const std::string& key, const ArrayView& array)
{
    static constexpr char zeros[alignment] = {};
    const std::size_t padding = (alignment - written_ % alignment) % alignment;
    if (std::fwrite(zeros, 1, padding, file_.get()) != padding
        || std::fwrite(array.data, 1, array.nbytes, file_.get()) != array.nbytes)
        throw os_error("cannot write into " + folder_);
    Json entry;
    entry.set("key", key).set("dtype", array.dtype).set("shape", Json::list(array.shape));
    entry.set("batch_axis", array.batch_axis ? Json(*array.batch_axis) : Json());
    entry.set("offset", written_ + padding).set("nbytes", array.nbytes);
    entries_.push_back(std::move(entry));
    written_ += padding + array.nbytes;
}

void MessageWriter::close(Json body)
{
    if (std::fclose(file_.release()) != 0)
        throw os_error("cannot write into " + folder_);
    body.set("protocol", protocol_version).set("tensors", std::move(entries_));
    const std::string path = folder_ + message_file, part = path + ".part";
    const std::string text = body.text();
    File file(std::fopen(part.c_str(), "wb"));
    if (!file || std::fwrite(text.data(), 1, text.size(), file.get()) != text.size()
        || std::fclose(file.release()) != 0 || std::rename(part.c_str(), path.c_str()) != 0)
        throw os_error("cannot write " + path);
}

} // namespace edgekit
