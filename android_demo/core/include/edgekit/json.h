// JSON values: as much of RFC 8259 as requests, results and bundles need, and no more.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace edgekit {

/// A JSON value. Objects keep the order of their keys.
class Json
{
public:
    using Array = std::vector<Json>;
    using Object = std::vector<std::pair<std::string, Json>>;

    Json() = default;
    Json(std::nullptr_t) {}
    Json(bool value) : value_(value) {}
    Json(int value) : value_(std::int64_t(value)) {}
    Json(long value) : value_(std::int64_t(value)) {}
    Json(long long value) : value_(std::int64_t(value)) {}
    Json(unsigned long value) : value_(std::int64_t(value)) {}
    Json(double value) : value_(value) {}
    Json(const char* value) : value_(std::string(value)) {}
    Json(std::string value) : value_(std::move(value)) {}
    Json(Array value) : value_(std::move(value)) {}
    Json(Object value) : value_(std::move(value)) {}

    /// Reads a whole document. Throws `Error` for anything that is not JSON.
    static Json parse(std::string_view text);

    /// A list of anything that a value can be made of.
    template<class Values>
    static Json list(const Values& values)
    {
        Array array;
        for (const auto& value : values)
            array.emplace_back(value);
        return array;
    }

    /// Writes the value on one line; doubles with as many digits as bring the same double back.
    std::string text() const;

    bool is_null() const { return std::holds_alternative<std::nullptr_t>(value_); }
    bool is_string() const { return std::holds_alternative<std::string>(value_); }

    // These throw `Error` when the value is of another type.
    bool boolean() const;
    std::int64_t integer() const;  ///< also true and false, as 1 and 0
    double number() const;         ///< also integers
    const std::string& string() const;
    const Array& array() const;
    const Object& object() const;

    /// The member of an object, or nullptr where it has none or the value is no object.
    const Json* find(std::string_view key) const;

    /// The member of an object. Throws `Error` where there is none.
    const Json& at(std::string_view key) const;

    /// Calls `visitor` with what the value is.
    template<class Visitor>
    void visit(Visitor visitor) const
    {
        std::visit(visitor, value_);
    }

    /// Adds or replaces a member; a null value becomes an object first.
    Json& set(std::string_view key, Json value);

private:
    std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object> value_ = nullptr;
};

} // namespace edgekit
