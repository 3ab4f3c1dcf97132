#include "platform/db/text.hpp"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <vector>

namespace corral::db {

namespace {

constexpr std::string_view c_collation = " COLLATE \"C\"";

bool word_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$'; }

bool same_word(std::string_view a, std::string_view upper) {
    return std::ranges::equal(a, upper,
                              [](char x, char y) { return std::toupper(static_cast<unsigned char>(x)) == y; });
}

// Length of the literal, quoted name or comment at the front; 0 when there is none.
std::size_t opaque(std::string_view sql) {
    if (sql.front() == '\'' || sql.front() == '"') {
        std::size_t at = 1;  // a doubled quote ends one literal and begins the next: the same to us
        while (at < sql.size() && sql[at] != sql.front()) ++at;
        return std::min(at + 1, sql.size());
    }
    if (sql.starts_with("--")) return std::min(sql.find('\n'), sql.size());
    if (sql.starts_with("/*")) {
        const auto end = sql.find("*/", 2);
        return end == std::string_view::npos ? sql.size() : end + 2;
    }
    return 0;
}

class Translator {
public:
    explicit Translator(std::string_view sql) : rest_(sql) {
        const auto first = sql.find_first_not_of(" \t\r\n");
        const std::string_view text = first == std::string_view::npos ? std::string_view{} : sql.substr(first);
        const std::string_view verb = text.substr(0, text.find_first_of(" \t\r\n"));
        defines_ = same_word(verb, "CREATE") || same_word(verb, "ALTER");
    }
    std::string run() {
        while (!rest_.empty()) {
            if (const auto length = opaque(rest_); length > 0)
                copy(length);
            else if (word_character(rest_.front()))
                word();
            else
                sign();
        }
        return std::move(out_);
    }

private:
    void copy(std::size_t length) {
        out_ += rest_.substr(0, length);
        rest_.remove_prefix(length);
    }
    void word() {
        const auto end = std::ranges::find_if_not(rest_, word_character);
        const auto text = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
        copy(text.size());
        if (defines_ && same_word(text, "TEXT")) out_ += c_collation;
        if ((same_word(text, "LOWER") || same_word(text, "UPPER")) && rest_.starts_with("("))
            folding_.push_back(depth_);
    }
    void sign() {
        const char c = rest_.front();
        if (c == '(') ++depth_;
        if (c == ')') {
            --depth_;
            if (!folding_.empty() && folding_.back() == depth_) {
                out_ += c_collation;
                folding_.pop_back();
            }
        }
        const bool digit_follows = rest_.size() > 1 && std::isdigit(static_cast<unsigned char>(rest_[1])) != 0;
        if (rest_.starts_with("::")) return copy(2);
        if (c == ':' && digit_follows) {
            out_ += '$';
            rest_.remove_prefix(1);
            return;
        }
        copy(1);
    }

    std::string_view rest_;
    std::string out_;
    bool defines_ = false;      // CREATE or ALTER: TEXT is a type
    int depth_ = 0;             // of parentheses
    std::vector<int> folding_;  // depths of open lower( and upper(
};

}  // namespace

bool storable_text(std::string_view text) {
    const auto* p = reinterpret_cast<const unsigned char*>(text.data());
    const auto* const end = p + text.size();
    while (p != end) {
        if (*p < 0x80) {
            if (*p++ == 0) return false;
            continue;
        }
        const int more = *p >= 0xF0 ? 3 : *p >= 0xE0 ? 2 : 1;
        if (*p < 0xC2 || *p > 0xF4 || end - p <= more) return false;
        std::uint32_t code = *p & (0x3FU >> static_cast<unsigned>(more));
        for (int i = 1; i <= more; ++i) {
            if ((p[i] & 0xC0U) != 0x80) return false;
            code = code << 6U | (p[i] & 0x3FU);
        }
        if ((more == 2 && code < 0x800) || (more == 3 && (code < 0x10000 || code > 0x10FFFF)) ||
            (code >= 0xD800 && code <= 0xDFFF))
            return false;
        p += more + 1;
    }
    return true;
}

std::string to_postgres(std::string_view sql) { return Translator(sql).run(); }

}  // namespace corral::db
