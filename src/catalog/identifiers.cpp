#include "catalog/identifiers.hpp"

#include <algorithm>
#include <cctype>

namespace corral::catalog {

namespace {
constexpr std::string_view special = " ,:;()[]{}'\"/\\|<>=+*&^%$#@!`~?";
}

std::string normal(std::string_view text) {
    std::string out;
    for (const char c : text)
        out += special.find(c) != std::string_view::npos
                   ? '_'
                   : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    constexpr std::string_view blank = "\t\n\v\f\r";  // spaces were replaced above
    out.erase(0, out.find_first_not_of(blank));
    out.erase(out.find_last_not_of(blank) + 1);
    return out;
}

std::string upper(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return out;
}

std::optional<std::string> architecture_of(std::string_view text) {
    const std::string word = normal(text);
    if (word == "x86_64" || word == "amd64" || word == "x64") return "x86_64";
    if (word == "arm64" || word == "aarch64" || word == "arm") return "arm64";
    return std::nullopt;
}

std::string host_architecture() {
#if defined(__aarch64__) || defined(__arm64__)
    return "arm64";
#else
    return "x86_64";
#endif
}

bool version_ok(std::string_view version) { return version.find_first_of(special) == std::string_view::npos; }

std::string record_name(std::string_view catalog_id, std::string_view architecture, std::string_view version) {
    return normal(catalog_id) + "-" + normal(architecture) + "-" + normal(version);
}

}  // namespace corral::catalog
