#include "platform/json/text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace corral::json {

namespace {

// U+2028 and U+2029 are E2 80 A8 and E2 80 A9 in UTF-8.
bool line_separator(std::string_view text, std::size_t at) {
    return at + 2 < text.size() && text[at] == '\xE2' && text[at + 1] == '\x80' &&
           (text[at + 2] == '\xA8' || text[at + 2] == '\xA9');
}

bool plain(unsigned char c) {
    return c >= 0x20 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' && c != 0xE2;
}

void append_escaped(std::string& out, unsigned char c) {
    switch (c) {
        case '"': out += "\\\""; return;
        case '\\': out += "\\\\"; return;
        case '\n': out += "\\n"; return;
        case '\r': out += "\\r"; return;
        case '\t': out += "\\t"; return;
        default: break;
    }
    constexpr char digits[] = "0123456789abcdef";
    out += "\\u00";
    out += digits[c >> 4U];
    out += digits[c & 15U];
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
    out += '"';
    std::size_t start = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (plain(c)) continue;
        if (c == 0xE2) {
            if (!line_separator(text, i)) continue;
            out.append(text, start, i - start);
            out += text[i + 2] == '\xA8' ? "\\u2028" : "\\u2029";
            i += 2;
        } else {
            out.append(text, start, i - start);
            append_escaped(out, c);
        }
        start = i + 1;
    }
    out.append(text, start);
    out += '"';
}

void append_number(std::string& out, double number) {
    if (!std::isfinite(number)) {
        out += "null";  // JSON has no infinities (RFC 8259, 6)
        return;
    }
    if (number == 0) number = 0;  // "-0" would be read as the whole number 0
    char buffer[64];
    const double size = std::fabs(number);
    const auto format =
        size == 0 || (size >= 1e-6 && size < 1e15) ? std::chars_format::fixed : std::chars_format::general;
    const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, number, format);
    out.append(buffer, end);
    (void)error;
}

bool equal_without_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) { return lower(x) == lower(y); });
}

std::string loose_name(std::string_view name) {
    std::string out;
    out.reserve(name.size());
    for (const unsigned char c : name)
        if (c != '_' && c != '-' && c != ' ') out += static_cast<char>(std::tolower(c));
    return out;
}

}  // namespace corral::json
