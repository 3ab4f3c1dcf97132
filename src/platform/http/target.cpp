#include "platform/http/target.hpp"

#include <algorithm>
#include <cctype>

namespace corral::http {

namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
bool valid_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c < 0x80) {
            ++i;
            continue;
        }
        const std::size_t length = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
        if (c < 0xC2 || c > 0xF4 || i + length > text.size()) return false;
        const auto second = static_cast<unsigned char>(text[i + 1]);
        if ((c == 0xE0 && second < 0xA0) || (c == 0xED && second > 0x9F) || (c == 0xF0 && second < 0x90) ||
            (c == 0xF4 && second > 0x8F))
            return false;
        for (std::size_t k = 1; k < length; ++k)
            if ((static_cast<unsigned char>(text[i + k]) & 0xC0U) != 0x80U) return false;
        i += length;
    }
    return true;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            if (i + 2 >= text.size()) return std::nullopt;
            const int high = hex_digit(text[i + 1]);
            const int low = hex_digit(text[i + 2]);
            if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
            out += static_cast<char>(high * 16 + low);
            i += 2;
        } else if (text[i] == '\0') {
            return std::nullopt;
        } else {
            out += plus_is_blank && text[i] == '+' ? ' ' : text[i];
        }
    }
    if (!valid_utf8(out)) return std::nullopt;
    return out;
}

std::string percent_encode(std::string_view text, bool keep_slashes) {
    constexpr char digits[] = "0123456789ABCDEF";
    std::string out;
    for (const unsigned char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                           c == '.' || c == '_' || c == '~' || (keep_slashes && c == '/');
        if (plain) {
            out += static_cast<char>(c);
        } else {
            out += '%';
            out += digits[c >> 4U];
            out += digits[c & 15U];
        }
    }
    return out;
}

std::optional<std::vector<std::pair<std::string, std::string>>> parse_form(std::string_view text) {
    std::vector<std::pair<std::string, std::string>> out;
    while (!text.empty()) {
        const auto end = std::min(text.find('&'), text.size());
        const std::string_view item = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (item.empty()) continue;
        const auto equals = std::min(item.find('='), item.size());
        auto key = percent_decode(item.substr(0, equals), true);
        auto value = percent_decode(equals < item.size() ? item.substr(equals + 1) : std::string_view{}, true);
        if (!key || !value) return std::nullopt;
        out.emplace_back(std::move(*key), std::move(*value));
    }
    return out;
}

std::optional<Target> parse_target(std::string_view target) {
    Target out;
    // The absolute form is for proxies, but a server must accept it (RFC 9112, 3.2.2). Its host ends at the first of
    // these (RFC 3986, 3.2), and its path may be empty.
    bool absolute = false;
    for (const std::string_view scheme : {"http://", "https://"})
        if (target.starts_with(scheme)) {
            absolute = true;
            target.remove_prefix(scheme.size());
            target.remove_prefix(std::min(target.find_first_of("/?#"), target.size()));
            break;
        }
    if (!absolute && !target.starts_with('/')) return std::nullopt;
    target = target.substr(0, target.find('#'));
    const auto question = std::min(target.find('?'), target.size());
    if (question < target.size()) {
        auto query = parse_form(target.substr(question + 1));
        out.bad_query = !query.has_value();
        if (query) out.query = std::move(*query);
    }
    std::string_view path = target.substr(0, question);
    while (!path.empty()) {
        path.remove_prefix(1);  // the slash
        const auto end = std::min(path.find('/'), path.size());
        const std::string_view segment = path.substr(0, end);
        path.remove_prefix(end);
        if (segment.empty()) continue;
        auto decoded = percent_decode(segment, false);
        if (!decoded || *decoded == "." || *decoded == ".." || decoded->find('/') != std::string::npos)
            return std::nullopt;
        out.segments.push_back(std::move(*decoded));
    }
    return out;
}

}  // namespace corral::http
