#include "app/cli/output.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace corral::cli {

std::string table(const std::vector<std::string>& heading, const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    widths.reserve(heading.size());
    for (const auto& cell : heading) widths.push_back(cell.size());
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i)
            widths[i] = std::max(widths[i], row[i].size());
    const auto line = [&](const std::vector<std::string>& cells) {
        std::string out;
        for (std::size_t i = 0; i < cells.size(); ++i)
            out += i + 1 == cells.size() ? cells[i] : fmt::format("{:<{}}  ", cells[i], widths[i]);
        return out + "\n";
    };
    std::string out = line(heading);
    for (const auto& row : rows) out += line(row);
    return out;
}

int report(const Error& error) {
    std::string text = "corral: " + error.message + "\n";
    for (const auto& field : error.fields) text += "  " + field.path + ": " + field.problem + "\n";
    std::fputs(text.c_str(), stderr);
    switch (error.code) {
        case Errc::unauthenticated: return not_signed_in;
        case Errc::forbidden: return refused;
        case Errc::not_found: return not_found;
        case Errc::invalid: return usage;
        default: return failed;
    }
}

ProgressBar::ProgressBar(std::string title) : title_(std::move(title)), terminal_(isatty(STDERR_FILENO) != 0) {}

ProgressBar::~ProgressBar() {
    if (open_) std::fputs("\n", stderr);
}

void ProgressBar::show(int percent, std::string_view note) {
    percent = std::clamp(percent, 0, 100);
    if (terminal_) {
        constexpr int width = 30;
        const int filled = percent * width / 100;
        fmt::print(stderr, "\r\033[K{} [{}{}] {:3}% {}", title_, std::string(static_cast<std::size_t>(filled), '#'),
                   std::string(static_cast<std::size_t>(width - filled), '.'), percent, note);
        std::fflush(stderr);
        open_ = true;
        return;
    }
    if (percent / 10 == shown_ / 10 && note == last_note_ && shown_ >= 0) return;
    fmt::print(stderr, "{}: {:3}%{}{}\n", title_, percent, note.empty() ? "" : " ", note);
    shown_ = percent;
    last_note_ = std::string(note);
}

void ProgressBar::finish(std::string_view note) {
    if (terminal_)
        fmt::print(stderr, "\r\033[K{}: {}\n", title_, note);
    else
        fmt::print(stderr, "{}: {}\n", title_, note);
    open_ = false;
}

std::string human_bytes(std::uint64_t bytes) {
    constexpr const char* units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1000 && unit < 4) {
        value /= 1000;
        ++unit;
    }
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

}  // namespace corral::cli
