#include <cstdio>

#include "app/cli/commands.hpp"
#include "audit/audit.hpp"

namespace corral::cli {

namespace {

std::string detail_text(const audit::Record& record) {
    std::string out;
    if (const auto detail = json::read<std::map<std::string, std::string>>(record.detail.text))
        for (const auto& [name, value] : *detail) out += (out.empty() ? "" : " ") + name + "=" + value;
    return out;
}

std::string dash(const std::string& text) { return text.empty() ? "-" : text; }

std::string query_of(const AuditOptions& o, std::size_t limit, std::int64_t before) {
    std::string out = "?limit=" + std::to_string(limit);
    if (before > 0) out += "&before=" + std::to_string(before);
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) out += std::string("&") + name + "=" + path_segment(value);
    };
    add("actor", o.actor);
    add("action", o.action);
    add("object_type", o.object_type);
    add("object", o.object);
    add("result", o.result);
    add("from", o.from);
    add("until", o.until);
    return out;
}

// Page by page, until the limit or the end.
Result<audit::Page> read_all(const AuditOptions& options, Client& client) {
    constexpr std::size_t page_size = 500;
    audit::Page all;
    const auto wanted = static_cast<std::size_t>(options.limit);
    do {
        const std::size_t limit = std::min(page_size, wanted - all.entries.size());
        auto page = TRY(client.get<audit::Page>("/v1/audit" + query_of(options, limit, all.next_before)));
        all.next_before = page.next_before;
        all.dropped = page.dropped;
        for (auto& entry : page.entries) all.entries.push_back(std::move(entry));
    } while (all.next_before > 0 && all.entries.size() < wanted);
    return all;
}

}  // namespace

int audit_list(const Context& context, const AuditOptions& options) {
    const auto done = [&]() -> Result<void> {
        Client client(TRY(load_session(context.url)));
        const audit::Page page = TRY(read_all(options, client));
        if (context.format == Format::json) {
            std::fputs(json::write(page).c_str(), stdout);
            return {};
        }
        std::vector<std::vector<std::string>> rows;
        for (const audit::Record& r : page.entries) {
            std::string result;
            for (const auto& [text, outcome] : json_enum(audit::Outcome{}))
                if (outcome == r.result) result = text;
            rows.push_back({to_rfc3339(r.time), dash(r.actor_name), dash(r.address), r.action, dash(r.object_id),
                            result, dash(detail_text(r))});
        }
        std::fputs(table({"TIME", "ACTOR", "ADDRESS", "ACTION", "OBJECT", "RESULT", "DETAIL"}, rows).c_str(), stdout);
        if (page.dropped > 0)
            std::fprintf(stderr, "corral: %lld refused attempts could not be written since the server's start\n",
                         static_cast<long long>(page.dropped));
        return {};
    }();
    return done ? ok : report(done.error());
}

}  // namespace corral::cli
