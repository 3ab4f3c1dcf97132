#include "base/clock.hpp"

#include <fmt/format.h>

#include <cctype>
#include <charconv>

namespace corral {

Time SystemClock::now() const {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}
SteadyTime SystemClock::steady() const { return std::chrono::steady_clock::now(); }

Time FakeClock::now() const {
    std::lock_guard lock(mutex_);
    return now_;
}
SteadyTime FakeClock::steady() const {
    std::lock_guard lock(mutex_);
    return steady_;
}
void FakeClock::advance(std::chrono::microseconds by) {
    std::lock_guard lock(mutex_);
    now_ += by;
    steady_ += by;
}

std::string to_rfc3339(Time time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    std::string out = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                  clock.hours().count(), clock.minutes().count(), clock.seconds().count());
    if (const auto fraction = clock.subseconds().count(); fraction != 0) {
        std::string digits = fmt::format("{:06}", fraction);
        while (digits.back() == '0') digits.pop_back();
        out += "." + digits;
    }
    return out + "Z";
}

namespace {

// Reads exactly `width` digits at `at`.
bool digits(std::string_view text, std::size_t& at, std::size_t width, int& out) {
    if (at + width > text.size()) return false;
    for (std::size_t i = 0; i < width; ++i)
        if (std::isdigit(static_cast<unsigned char>(text[at + i])) == 0) return false;
    std::from_chars(text.data() + at, text.data() + at + width, out);
    at += width;
    return true;
}

bool sign(std::string_view text, std::size_t& at, char wanted) {
    if (at >= text.size() || std::toupper(static_cast<unsigned char>(text[at])) != wanted) return false;
    ++at;
    return true;
}

std::optional<std::chrono::minutes> read_offset(std::string_view text, std::size_t& at) {
    if (sign(text, at, 'Z')) return std::chrono::minutes{0};
    if (at >= text.size() || (text[at] != '+' && text[at] != '-')) return std::nullopt;
    const int direction = text[at++] == '-' ? -1 : 1;
    int hours = 0;
    int minutes = 0;
    if (!digits(text, at, 2, hours) || !sign(text, at, ':') || !digits(text, at, 2, minutes)) return std::nullopt;
    if (hours > 23 || minutes > 59) return std::nullopt;
    return std::chrono::minutes{direction * (hours * 60 + minutes)};
}

}  // namespace

std::optional<Time> from_rfc3339(std::string_view text) {
    std::size_t at = 0;
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
    if (!digits(text, at, 4, year) || !sign(text, at, '-') || !digits(text, at, 2, month) || !sign(text, at, '-') ||
        !digits(text, at, 2, day) || at >= text.size() || (text[at] != 'T' && text[at] != 't' && text[at] != ' '))
        return std::nullopt;
    ++at;
    if (!digits(text, at, 2, hour) || !sign(text, at, ':') || !digits(text, at, 2, minute) || !sign(text, at, ':') ||
        !digits(text, at, 2, second))
        return std::nullopt;
    std::int64_t micros = 0;
    if (at < text.size() && text[at] == '.') {
        ++at;
        std::int64_t scale = 100'000;
        const std::size_t begin = at;
        for (; at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) != 0; ++at, scale /= 10)
            micros += (text[at] - '0') * scale;
        if (at == begin) return std::nullopt;
    }
    const auto offset = read_offset(text, at);
    const std::chrono::year_month_day date{std::chrono::year{year} / month / day};
    if (!offset || at != text.size() || !date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
    return Time{std::chrono::sys_days{date}} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
           std::chrono::seconds{second} + std::chrono::microseconds{micros} - *offset;
}

}  // namespace corral
