#include <cstdio>

#include "app/cli/commands.hpp"

namespace corral::cli {

int logs(const Context& context, const LogOptions& options) {
    auto session = load_session(context.url);
    if (!session) return report(session.error());
    std::string path = "/v1/logs";
    char joint = '?';
    const auto add = [&](const char* name, const std::string& value) {
        if (value.empty()) return;
        path += joint + std::string(name) + "=" + path_segment(value);
        joint = '&';
    };
    add("lines", options.lines);
    add("since", options.since);
    add("level", options.level);
    add("contains", options.contains);
    const auto text = Client(std::move(*session)).call("GET", path);
    if (!text) return report(text.error());
    std::fwrite(text->data(), 1, text->size(), stdout);
    return ok;
}

}  // namespace corral::cli
