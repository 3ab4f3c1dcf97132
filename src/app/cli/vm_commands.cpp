#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "app/cli/commands.hpp"
#include "machines/requests.hpp"
#include "machines/snapshots.hpp"

namespace corral::cli {

namespace {

// The members of a machine's document that the CLI shows.
struct Shown {
    std::string id, name, state, os, uptime, internal_ip_address, home, description;
};
constexpr auto json_object(const Shown*) {
    using json::field;
    return json::object("Shown", field("ID", &Shown::id), field("Name", &Shown::name), field("State", &Shown::state),
                        field("OS", &Shown::os), field("Uptime", &Shown::uptime),
                        field("internal_ip_address", &Shown::internal_ip_address), field("Home path", &Shown::home),
                        field("Description", &Shown::description));
}

std::string path_of(const std::string& machine, const char* rest = "") {
    return "/v1/machines/" + path_segment(machine) + rest;
}

std::string dash(const std::string& text) { return text.empty() ? "-" : text; }

// Quoted for a POSIX shell: inside '…' everything but ' stands for itself.
std::string shell_word(const std::string& word) {
    std::string out = "'";
    for (const char c : word) {
        if (c == '\'')
            out += "'\\''";
        else
            out += c;
    }
    return out + "'";
}

// The API answers without the last line's end.
void print_lines(const std::string& text, std::FILE* to) {
    if (text.empty()) return;
    std::fwrite(text.data(), 1, text.size(), to);
    if (!text.ends_with('\n')) std::fputc('\n', to);
}

// Connects, calls, and shows the answer: as it came for -o json, else by `show`.
template <class Show>
int with_answer(const Context& context, std::string_view method, const std::string& path, const std::string& body,
                const Show& show) {
    const auto done = [&]() -> Result<void> {
        Client client(TRY(load_session(context.url)));
        const std::string answer = TRY(client.call(method, path, body));
        if (context.format == Format::json) {
            std::fputs(answer.c_str(), stdout);
            return {};
        }
        return show(answer);
    }();
    return done ? ok : report(done.error());
}

int power(const Context& context, const std::string& machine, const char* verb, const char* told) {
    return with_answer(context, "PUT", path_of(machine, verb), "", [&](const std::string&) -> Result<void> {
        fmt::print("{} {}\n", machine, told);
        return {};
    });
}

void add_rows(std::vector<std::vector<std::string>>& rows, const std::vector<machines::ShownSnapshot>& level,
              const std::string& indent) {
    for (const machines::ShownSnapshot& s : level) {
        rows.push_back({indent + s.name, s.id, s.date, s.state, s.current ? "*" : ""});
        add_rows(rows, s.children, indent + "  ");
    }
}

}  // namespace

int vm_list(const Context& context) {
    return with_answer(context, "GET", "/v1/machines", "", [](const std::string& answer) -> Result<void> {
        std::vector<std::vector<std::string>> rows;
        for (const Shown& m : TRY(json::read<std::vector<Shown>>(answer)))
            rows.push_back({m.id, m.name, m.state, dash(m.internal_ip_address), dash(m.os)});
        std::fputs(table({"ID", "NAME", "STATE", "ADDRESS", "OS"}, rows).c_str(), stdout);
        return {};
    });
}

int vm_show(const Context& context, const std::string& machine) {
    return with_answer(context, "GET", path_of(machine), "", [](const std::string& answer) -> Result<void> {
        const Shown m = TRY(json::read<Shown>(answer));
        fmt::print(
            "ID:           {}\nName:         {}\nState:        {}\nAddress:      {}\nOS:           {}\n"
            "Uptime:       {} s\nHome:         {}\nDescription:  {}\n",
            m.id, m.name, m.state, dash(m.internal_ip_address), dash(m.os), dash(m.uptime), m.home,
            dash(m.description));
        return {};
    });
}

int vm_start(const Context& context, const std::string& machine) {
    // The API starts stopped machines and resumes halted ones; on a command line both are "start".
    const auto state = [&]() -> Result<std::string> {
        Client client(TRY(load_session(context.url)));
        return TRY(client.get<machines::StatusResponse>(path_of(machine, "/status"))).status;
    }();
    if (!state) return report(state.error());
    const bool halted = *state == "suspended" || *state == "paused";
    return power(context, machine, halted ? "/resume" : "/start", "started");
}

int vm_stop(const Context& context, const std::string& machine, bool force) {
    return power(context, machine, force ? "/stop?force=true" : "/stop", "stopped");
}

int vm_exec(const Context& context, const std::string& machine, const std::vector<std::string>& words) {
    machines::ExecuteRequest request;
    if (words.size() == 1) {
        request.command = words.front();
    } else {
        for (const std::string& word : words)
            request.command += (request.command.empty() ? "" : " ") + shell_word(word);
    }
    int exit_code = 0;
    const int done = with_answer(context, "PUT", path_of(machine, "/execute?stderr=always"), json::to_text(request),
                                 [&](const std::string& answer) -> Result<void> {
                                     const auto result = TRY(json::read<machines::ExecuteResponse>(answer));
                                     print_lines(result.out, stdout);
                                     print_lines(result.err, stderr);
                                     exit_code = result.exit_code;
                                     return {};
                                 });
    return done != ok ? done : exit_code;
}

std::vector<std::string> take_guest_words(std::vector<std::string>& arguments) {
    const auto vm = std::ranges::find(arguments, "vm");
    if (vm == arguments.end() || vm + 1 == arguments.end() || *(vm + 1) != "exec") return {};
    auto word = vm + 2;
    while (word != arguments.end() && word->starts_with('-')) {
        const bool has_value = *word == "-o" || *word == "--output" || *word == "--url";
        ++word;
        if (has_value && word != arguments.end()) ++word;
    }
    if (word == arguments.end()) return {};
    auto first = word + 1;  // behind the VM
    std::vector<std::string> out(first != arguments.end() && *first == "--" ? first + 1 : first, arguments.end());
    arguments.erase(first, arguments.end());
    return out;
}

int vm_delete(const Context& context, const std::string& machine, bool force) {
    return with_answer(context, "DELETE", path_of(machine, force ? "?force=true" : ""), "",
                       [&](const std::string&) -> Result<void> {
                           fmt::print("{} deleted\n", machine);
                           return {};
                       });
}

int vm_snapshots(const Context& context, const std::string& machine) {
    return with_answer(context, "GET", path_of(machine, "/snapshots?group=true"), "",
                       [](const std::string& answer) -> Result<void> {
                           std::vector<std::vector<std::string>> rows;
                           add_rows(rows, TRY(json::read<machines::ListSnapshotsResponse>(answer)).snapshots, "");
                           std::fputs(table({"NAME", "ID", "TAKEN", "STATE", "CURRENT"}, rows).c_str(), stdout);
                           return {};
                       });
}

int vm_snapshot(const Context& context, const std::string& machine, const SnapshotOptions& options) {
    const machines::TakeSnapshotRequest request{options.name, options.description};
    return with_answer(context, "POST", path_of(machine, "/snapshots"), json::to_text(request),
                       [](const std::string& answer) -> Result<void> {
                           const auto taken = TRY(json::read<machines::TakeSnapshotResponse>(answer));
                           fmt::print("{}  {}\n", taken.snapshot_id, taken.snapshot_name);
                           return {};
                       });
}

int vm_revert(const Context& context, const std::string& machine, const SnapshotOptions& options) {
    const std::string path = path_of(machine, "/snapshots/") + path_segment(options.snapshot) + "/revert";
    return with_answer(context, "POST", path, json::to_text(machines::RevertSnapshotRequest{options.paused}),
                       [&](const std::string&) -> Result<void> {
                           fmt::print("{} is back at {}\n", machine, options.snapshot);
                           return {};
                       });
}

int vm_delete_snapshot(const Context& context, const std::string& machine, const SnapshotOptions& options) {
    std::string path = path_of(machine, "/snapshots");
    if (!options.all) path += "/" + path_segment(options.snapshot);
    return with_answer(context, "DELETE", path,
                       options.all ? "" : json::to_text(machines::RemoveSnapshotRequest{options.children}),
                       [&](const std::string&) -> Result<void> {
                           fmt::print("{} deleted\n", options.all ? "all snapshots of " + machine : options.snapshot);
                           return {};
                       });
}

}  // namespace corral::cli
