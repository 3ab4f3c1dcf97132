#include "platform/http/message.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "platform/json/text.hpp"

namespace corral::http {

namespace {
constexpr std::array<std::pair<std::string_view, Method>, 7> methods{{{"GET", Method::get},
                                                                      {"HEAD", Method::head},
                                                                      {"POST", Method::post},
                                                                      {"PUT", Method::put},
                                                                      {"PATCH", Method::patch},
                                                                      {"DELETE", Method::del},
                                                                      {"OPTIONS", Method::options}}};
}

std::string_view to_text(Method method) {
    for (const auto& [text, m] : methods)
        if (m == method) return text;
    return "OTHER";
}

Method method_from_text(std::string_view wanted) {
    for (const auto& [text, m] : methods)
        if (text == wanted) return m;
    return Method::other;
}

void Headers::set(std::string_view name, std::string value) {
    erase(name);
    fields_.emplace_back(std::string(name), std::move(value));
}

void Headers::erase(std::string_view name) {
    std::erase_if(fields_, [&](const auto& field) { return json::equal_without_case(field.first, name); });
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
    for (const auto& [key, value] : fields_)
        if (json::equal_without_case(key, name)) return std::string_view(value);
    return std::nullopt;
}

std::string_view Headers::get(std::string_view name) const { return find(name).value_or(std::string_view{}); }

std::optional<std::string_view> Request::query_value(std::string_view name) const {
    for (const auto& [key, value] : query)
        if (key == name) return std::string_view(value);
    return std::nullopt;
}

Result<FileBody> open_file_body(const std::string& path, std::uint64_t offset, std::optional<std::uint64_t> length) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe would wait for its writer
    if (fd < 0) return system_error(errno, "open " + path);
    FileBody body;
    body.descriptor = std::shared_ptr<const int>(new int(fd), [](const int* p) {
        ::close(*p);
        delete p;
    });
    struct stat info{};
    if (::fstat(fd, &info) != 0) return system_error(errno, "fstat " + path);
    if (!S_ISREG(info.st_mode)) return Error{Errc::invalid, "Only regular files can be sent", path};
    const auto size = static_cast<std::uint64_t>(info.st_size);
    if (offset > size || (length && *length > size - offset))
        return Error{Errc::invalid, "The range lies outside the file", path};
    body.offset = offset;
    body.length = length.value_or(size - offset);
    return body;
}

}  // namespace corral::http
