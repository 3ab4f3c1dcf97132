#include "system/logs/log_reader.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

#include "platform/files/files.hpp"

namespace corral::system {

namespace {

constexpr std::size_t answer_limit = 16U << 20U;
constexpr std::size_t block_bytes = 256U << 10U;
constexpr std::size_t most_lines = 1'000'000;
constexpr int rotated_files = 5;  // as base/log.cpp keeps

std::optional<std::chrono::microseconds> age(std::string_view text) {
    long long number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    constexpr long long a_century = 3'153'600'000;
    if (error != std::errc{} || number < 0 || number > a_century) return std::nullopt;
    const std::string_view unit(end, text.data() + text.size());
    long long seconds = 0;
    if (unit.empty() || unit == "s")
        seconds = 1;
    else if (unit == "m")
        seconds = 60;
    else if (unit == "h")
        seconds = 3600;
    else if (unit == "d")
        seconds = 86'400;
    if (seconds == 0 || number > a_century / seconds) return std::nullopt;
    return std::chrono::seconds{number * seconds};
}

// "2026-01-02T03:04:05.678Z warning text": the head of a line as base/log.cpp writes it.
struct Head {
    std::optional<Time> time;
    log::Level level = log::Level::off;  // unknown: shown whatever is asked for
};
Head head_of(std::string_view line) {
    Head out;
    const auto blank = line.find(' ');
    if (blank == std::string_view::npos) return out;
    out.time = from_rfc3339(line.substr(0, blank));
    line.remove_prefix(blank + 1);
    out.level = log::level_from_text(line.substr(0, line.find(' '))).value_or(log::Level::off);
    return out;
}

// Collects lines from the newest on; false when no older one can be wanted.
class Collector {
public:
    explicit Collector(const LogQuery& query) : query_(query) {}
    bool take(std::string_view line) {
        if (line.empty()) return true;
        const Head head = head_of(line);
        if (query_.since && head.time && *head.time < *query_.since) return false;
        if (head.level < query_.level) return true;
        if (!query_.contains.empty() && line.find(query_.contains) == std::string_view::npos) return true;
        if (bytes_ + line.size() + 1 > answer_limit) return false;
        bytes_ += line.size() + 1;
        lines_.emplace_back(line);
        return !query_.lines || lines_.size() < *query_.lines;
    }
    [[nodiscard]] std::string text() const {
        std::string out;
        out.reserve(bytes_);
        for (auto line = lines_.rbegin(); line != lines_.rend(); ++line) (out += *line) += '\n';
        return out;
    }

private:
    const LogQuery& query_;
    std::vector<std::string> lines_;
    std::size_t bytes_ = 0;
};

// Hands the lines of one file to `to`, last first. False when `to` wants no more.
Result<bool> read_backwards(const std::string& path, Collector& to) {
    const files::Descriptor file = TRY(files::open_read(path));
    std::uint64_t left = TRY(files::size_of(path));
    std::string tail;  // the beginning of a line whose end is known
    std::string block;
    while (left > 0) {
        const std::size_t size = std::min<std::uint64_t>(left, block_bytes);
        left -= size;
        block.resize(size);
        TRY(files::pread_all(file.get(), block.data(), size, left));
        block += tail;
        std::string_view rest = block;
        for (auto newline = rest.rfind('\n'); newline != std::string_view::npos; newline = rest.rfind('\n')) {
            if (!to.take(rest.substr(newline + 1))) return false;
            rest = rest.substr(0, newline);
        }
        tail = rest;
        if (tail.size() > answer_limit) return false;
    }
    return to.take(tail);
}

std::string rotated(const std::string& file, int number) {
    const auto dot = file.rfind('.');
    return file.substr(0, dot) + "." + std::to_string(number) + file.substr(dot);
}

}  // namespace

Result<LogQuery> log_query(const http::Request& request, Time now) {
    LogQuery out;
    if (const auto text = request.query_value("lines")) {
        std::size_t lines = 0;
        const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), lines);
        if (error != std::errc{} || end != text->data() + text->size() || lines == 0 || lines > most_lines)
            return invalid_field("lines", "must be a number from 1 to 1000000");
        out.lines = lines;
    }
    if (const auto text = request.query_value("since")) {
        if (const auto ago = age(*text))
            out.since = now - *ago;
        else
            out.since = from_rfc3339(*text);
        if (!out.since)
            return invalid_field("since", "must be a time such as 2026-01-02T03:04:05Z, or an age such as 15m");
    }
    if (const auto text = request.query_value("level")) {
        const auto level = log::level_from_text(*text);
        if (!level) return invalid_field("level", "must be trace, debug, info, warn or error");
        out.level = *level;
    }
    out.contains = std::string(request.query_value("contains").value_or(""));
    return out;
}

Result<std::string> read_log(const std::string& file, const LogQuery& query) {
    Collector found(query);
    bool more = TRY(read_backwards(file, found));
    for (int number = 1; more && number <= rotated_files; ++number) {
        const std::string older = rotated(file, number);
        if (!files::exists(older)) break;
        auto read = read_backwards(older, found);
        if (!read) break;  // rotated away meanwhile
        more = *read;
    }
    return found.text();
}

}  // namespace corral::system
