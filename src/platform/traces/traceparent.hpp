// The header `traceparent` of W3C Trace Context, version 00. Values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace corral::traces {

struct TraceParent {
    std::string trace_id;  // 32 lower-case hex digits
    std::string span_id;   // 16
    bool sampled = false;
};

// nullopt for what the standard calls invalid; later versions are read as version 00.
std::optional<TraceParent> parse_trace_parent(std::string_view text);
std::string to_text(const TraceParent&);
// With new random ids; the trace of `parent` goes on. `ratio` (0 to 1) of the traces that begin here are sampled.
TraceParent child_of(const std::optional<TraceParent>& parent, double ratio);

}  // namespace corral::traces
