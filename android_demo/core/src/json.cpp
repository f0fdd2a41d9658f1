#include "edgekit/json.h"

#include <cmath>
#include <limits>
#include <locale>
#include <sstream>

#include "edgekit/error.h"

namespace edgekit {

namespace {

constexpr int deepest = 200; // nesting that no message of ours reaches

class Parser
{
public:
    explicit Parser(std::string_view text) : text_(text) {}

    Json document()
    {
        Json value = parse_value(0);
        skip_space();
        if (at_ != text_.size())
            fail("there is something after the value");
        return value;
    }

private:
    [[noreturn]] void fail(const std::string& what) const
    {
        throw value_error("no JSON at byte " + std::to_string(at_) + ": " + what);
    }

    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

    void skip_space()
    {
        while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
            ++at_;
    }

    void expect(char wanted)
    {
        if (peek() != wanted)
            fail(std::string("expected ") + wanted);
        ++at_;
    }

    bool take(std::string_view word)
    {
        if (text_.substr(at_, word.size()) != word)
            return false;
        at_ += word.size();
        return true;
    }

    Json parse_value(int depth)
    {
        if (depth > deepest)
            fail("nested too deeply");
        skip_space();
        switch (peek())
        {
        case '{': return parse_object(depth);
        case '[': return parse_array(depth);
        case '"': return parse_string();
        default: break;
        }
        if (take("null"))
            return nullptr;
        if (take("true"))
            return true;
        if (take("false"))
            return false;
        // Python writes these three, which are no JSON
        if (take("NaN"))
            return std::numeric_limits<double>::quiet_NaN();
        if (take("Infinity"))
            return std::numeric_limits<double>::infinity();
        if (take("-Infinity"))
            return -std::numeric_limits<double>::infinity();
        return parse_number();
    }

    Json parse_object(int depth)
    {
        Json::Object members;
        expect('{');
        for (skip_space(); peek() != '}'; skip_space())
        {
            if (!members.empty())
            {
                expect(',');
                skip_space();
            }
            std::string key = parse_string();
            skip_space();
            expect(':');
            members.emplace_back(std::move(key), parse_value(depth + 1));
        }
        ++at_;
        return members;
    }

    Json parse_array(int depth)
    {
        Json::Array items;
        expect('[');
        for (skip_space(); peek() != ']'; skip_space())
        {
            if (!items.empty())
                expect(',');
            items.push_back(parse_value(depth + 1));
        }
        ++at_;
        return items;
    }

    std::string parse_string()
    {
        std::string value;
        expect('"');
        while (peek() != '"')
        {
            if (at_ >= text_.size())
                fail("the string does not end");
            const char byte = text_[at_++];
            if (byte == '\\')
                parse_escape(value);
            else
                value += byte;
        }
        ++at_;
        return value;
    }

    void parse_escape(std::string& value)
    {
        const char letter = peek();
        ++at_;
        static constexpr std::string_view letters = "\"\\/bfnrt", bytes = "\"\\/\b\f\n\r\t";
        const auto found = letters.find(letter);
        if (found != std::string_view::npos)
        {
            value += bytes[found];
            return;
        }
        if (letter != 'u')
            fail("unknown escape");
        unsigned code = parse_hex();
        if (code >= 0xD800 && code < 0xDC00 && take("\\u"))
            code = 0x10000 + ((code - 0xD800) << 10) + (parse_hex() - 0xDC00);
        append_utf8(value, code);
    }

    unsigned parse_hex()
    {
        unsigned code = 0;
        for (int i = 0; i < 4; ++i, ++at_)
        {
            const char digit = peek();
            static constexpr std::string_view digits = "0123456789abcdef";
            const auto found = digits.find(digit >= 'A' && digit <= 'F' ? char(digit - 'A' + 'a') : digit);
            if (digit == '\0' || found == std::string_view::npos)
                fail("expected four hexadecimal digits");
            code = code * 16 + unsigned(found);
        }
        return code;
    }

    static void append_utf8(std::string& value, unsigned code)
    {
        if (code < 0x80)
        {
            value += char(code);
            return;
        }
        const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        static constexpr unsigned char heads[] = {0, 0xC0, 0xE0, 0xF0};
        value += char(heads[more] | (code >> (6 * more)));
        for (int i = more - 1; i >= 0; --i)
            value += char(0x80 | ((code >> (6 * i)) & 0x3F));
    }

    Json parse_number()
    {
        const std::size_t begin = at_;
        while (std::string_view("+-.eE0123456789").find(peek()) != std::string_view::npos && peek() != '\0')
            ++at_;
        const std::string word(text_.substr(begin, at_ - begin));
        std::istringstream stream(word);
        stream.imbue(std::locale::classic()); // a decimal comma is no business of JSON
        if (word.find_first_of(".eE") == std::string::npos)
        {
            std::int64_t value = 0;
            if (stream >> value && stream.peek() == EOF)
                return static_cast<long long>(value);
        }
        else
        {
            double value = 0;
            if (stream >> value && stream.peek() == EOF)
                return value;
        }
        at_ = begin;
        fail("expected a value");
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

// How many bytes at the beginning of a text are one character of UTF-8, 0 where they are none (RFC 3629).
std::size_t utf8_length(std::string_view text)
{
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    const unsigned head = byte(0);
    if (head < 0x80)
        return 1;
    const std::size_t length = head < 0xC2 ? 0 : head < 0xE0 ? 2 : head < 0xF0 ? 3 : head < 0xF5 ? 4 : 0;
    const unsigned lowest = head == 0xE0 ? 0xA0 : head == 0xF0 ? 0x90 : 0x80; // else it would be too long a form
    const unsigned highest = head == 0xED ? 0x9F : head == 0xF4 ? 0x8F : 0xBF; // halves of pairs, above U+10FFFF
    if (length == 0 || byte(1) < lowest || byte(1) > highest)
        return 0;
    for (std::size_t i = 2; i < length; ++i)
        if ((byte(i) & 0xC0) != 0x80)
            return 0;
    return length;
}

// What is no UTF-8, from a damaged file or a name, becomes U+FFFD: JSON has nothing else.
void write_string(std::ostream& out, const std::string& value)
{
    static constexpr char digits[] = "0123456789abcdef";
    out << '"';
    for (std::string_view rest = value; !rest.empty();)
    {
        const char byte = rest.front();
        const std::size_t length = utf8_length(rest);
        if (byte == '"' || byte == '\\')
            out << '\\' << byte;
        else if (static_cast<unsigned char>(byte) < 0x20)
            out << "\\u00" << digits[byte >> 4] << digits[byte & 15];
        else if (length == 0)
            out << "\\ufffd";
        else
            out << rest.substr(0, length);
        rest.remove_prefix(length == 0 ? 1 : length);
    }
    out << '"';
}

void write(std::ostream& out, const Json& json);

struct Writer
{
    std::ostream& out;

    void operator()(std::nullptr_t) { out << "null"; }
    void operator()(bool value) { out << (value ? "true" : "false"); }
    void operator()(std::int64_t value) { out << value; }
    void operator()(const std::string& value) { write_string(out, value); }

    void operator()(double value)
    {
        if (std::isnan(value))
            out << "NaN"; // as Python writes and reads it
        else if (std::isinf(value))
            out << (value > 0 ? "Infinity" : "-Infinity");
        else
            out << value;
    }

    void operator()(const Json::Array& items)
    {
        const char* separator = "";
        out << '[';
        for (const Json& item : items)
        {
            out << separator;
            write(out, item);
            separator = ", ";
        }
        out << ']';
    }

    void operator()(const Json::Object& members)
    {
        const char* separator = "";
        out << '{';
        for (const auto& [key, value] : members)
        {
            out << separator;
            write_string(out, key);
            out << ": ";
            write(out, value);
            separator = ", ";
        }
        out << '}';
    }
};

} // namespace

Json Json::parse(std::string_view text)
{
    return Parser(text).document();
}

bool Json::boolean() const
{
    if (const bool* value = std::get_if<bool>(&value_))
        return *value;
    throw value_error("expected true or false, not " + text());
}

std::int64_t Json::integer() const
{
    if (const std::int64_t* value = std::get_if<std::int64_t>(&value_))
        return *value;
    if (const bool* value = std::get_if<bool>(&value_))
        return *value;
    throw value_error("expected an integer, not " + text());
}

double Json::number() const
{
    if (const double* value = std::get_if<double>(&value_))
        return *value;
    return double(integer());
}

const std::string& Json::string() const
{
    if (const std::string* value = std::get_if<std::string>(&value_))
        return *value;
    throw value_error("expected a string, not " + text());
}

const Json::Array& Json::array() const
{
    if (const Array* value = std::get_if<Array>(&value_))
        return *value;
    throw value_error("expected an array, not " + text());
}

const Json::Object& Json::object() const
{
    if (const Object* value = std::get_if<Object>(&value_))
        return *value;
    throw value_error("expected an object, not " + text());
}

const Json* Json::find(std::string_view key) const
{
    if (const Object* members = std::get_if<Object>(&value_))
        for (const auto& [name, value] : *members)
            if (name == key)
                return &value;
    return nullptr;
}

const Json& Json::at(std::string_view key) const
{
    if (const Json* value = find(key))
        return *value;
    throw value_error("'" + std::string(key) + "' is missing");
}

Json& Json::set(std::string_view key, Json value)
{
    if (is_null())
        value_ = Object();
    for (auto& [name, old] : std::get<Object>(value_))
        if (name == key)
        {
            old = std::move(value);
            return *this;
        }
    std::get<Object>(value_).emplace_back(std::string(key), std::move(value));
    return *this;
}

namespace {

void write(std::ostream& out, const Json& json)
{
    json.visit(Writer{out});
}

} // namespace

std::string Json::text() const
{
    std::ostringstream out;
    out.imbue(std::locale::classic());
    out.precision(std::numeric_limits<double>::max_digits10);
    write(out, *this);
    return out.str();
}

} // namespace edgekit
