#include "platform/traces/traceparent.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

#include "platform/crypto/crypto.hpp"

namespace corral::traces {

namespace {

constexpr std::size_t trace_digits = 32;
constexpr std::size_t span_digits = 16;
constexpr std::size_t whole = 2 + 1 + trace_digits + 1 + span_digits + 1 + 2;

bool hex(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}
bool all_zero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

std::string random_hex(std::size_t digits) {
    const std::string bytes = crypto::random_bytes(digits / 2);
    return crypto::to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

bool chosen(double ratio) {
    if (ratio >= 1) return true;
    const std::string bytes = crypto::random_bytes(sizeof(std::uint32_t));
    std::uint32_t number = 0;
    std::memcpy(&number, bytes.data(), sizeof number);
    return static_cast<double>(number) < ratio * 4294967296.0;
}

}  // namespace

std::optional<TraceParent> parse_trace_parent(std::string_view text) {
    if (text.size() < whole || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
    const auto version = text.substr(0, 2);
    if (!hex(version) || version == "ff") return std::nullopt;
    // Version 00 ends here; a later one may go on behind another dash.
    if (text.size() > whole && (version == "00" || text[whole] != '-')) return std::nullopt;
    TraceParent out{std::string(text.substr(3, trace_digits)), std::string(text.substr(36, span_digits)), false};
    const auto flags = text.substr(53, 2);
    if (!hex(out.trace_id) || !hex(out.span_id) || !hex(flags) || all_zero(out.trace_id) || all_zero(out.span_id))
        return std::nullopt;
    out.sampled = (flags[1] - (flags[1] >= 'a' ? 'a' - 10 : '0')) % 2 == 1;
    return out;
}

std::string to_text(const TraceParent& parent) {
    return "00-" + parent.trace_id + "-" + parent.span_id + (parent.sampled ? "-01" : "-00");
}

TraceParent child_of(const std::optional<TraceParent>& parent, double ratio) {
    if (parent) return {parent->trace_id, random_hex(span_digits), parent->sampled};
    return {random_hex(trace_digits), random_hex(span_digits), chosen(ratio)};
}

}  // namespace corral::traces
