#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "app/cli/commands.hpp"

namespace corral::cli {

namespace {

std::string path_of(const std::string& job) { return "/v1/jobs/" + path_segment(job); }

std::string kind_of(const jobs::Job& job) {
    return job.job_operation.empty() ? job.job_type : job.job_type + " " + job.job_operation;
}

std::string dash(const std::string& text) { return text.empty() ? "-" : text; }

// Connects and works; what went wrong is reported.
template <class Work>
int with_client(const Context& context, const Work& work) {
    const auto done = [&]() -> Result<void> {
        Client client(TRY(load_session(context.url)));
        return work(client);
    }();
    return done ? ok : report(done.error());
}

void print_job(const jobs::Job& job) {
    fmt::print("ID:         {}\nKind:       {}\nOwner:      {}\nState:      {}\nProgress:   {} %\n", job.id,
               dash(kind_of(job)), dash(job.owner_name.empty() ? job.owner : job.owner_name), job.state, job.progress);
    fmt::print("Created:    {}\nUpdated:    {}\n", to_rfc3339(job.created_at), to_rfc3339(job.updated_at));
    if (!job.message.empty()) fmt::print("Message:    {}\n", job.message);
    if (!job.error.empty()) fmt::print("Error:      {}\n", job.error);
    if (!job.result_record_id.empty())
        fmt::print("Result:     {} {} ({})\n", job.result_record_id, job.result_record_name, job.result_record_type);
    if (job.steps.empty()) return;
    std::vector<std::vector<std::string>> rows;
    for (const jobs::Step& step : job.steps)
        rows.push_back({step.display_name.empty() ? step.name : step.display_name, step.state,
                        fmt::format("{:.0f} %", step.current_percentage), dash(step.eta)});
    fmt::print("\n{}", table({"STEP", "STATE", "DONE", "LEFT"}, rows));
}

}  // namespace

// There is one request a beat, so that a slow server is not pressed.
Result<jobs::Job> follow(Client& client, jobs::Job job, ProgressBar& bar) {
    while (!job.finished()) {
        bar.show(job.progress, job.message);
        std::this_thread::sleep_for(std::chrono::milliseconds{150});
        job = TRY(client.get<jobs::Job>("/v1/jobs/" + path_segment(job.id)));
    }
    if (job.state == "failed") return Error{Errc::upstream, job.error.empty() ? job.message : job.error};
    return job;
}

int job_list(const Context& context, const std::string& state) {
    return with_client(context, [&](Client& client) -> Result<void> {
        const std::string body = TRY(client.call("GET", "/v1/jobs"));
        if (context.format == Format::json && state.empty()) {
            std::fputs(body.c_str(), stdout);
            return {};
        }
        auto all = TRY(json::read<std::vector<jobs::Job>>(body));
        std::erase_if(all, [&](const jobs::Job& job) { return !state.empty() && job.state != state; });
        if (context.format == Format::json) {
            std::fputs(json::write(all).c_str(), stdout);
            return {};
        }
        std::vector<std::vector<std::string>> rows;
        for (const jobs::Job& job : all)
            rows.push_back({job.id, dash(kind_of(job)), dash(job.owner_name), job.state,
                            std::to_string(job.progress) + " %", to_rfc3339(job.created_at).substr(0, 19)});
        std::fputs(table({"ID", "KIND", "OWNER", "STATE", "PROGRESS", "CREATED"}, rows).c_str(), stdout);
        return {};
    });
}

int job_show(const Context& context, const std::string& job) {
    return with_client(context, [&](Client& client) -> Result<void> {
        const std::string body = TRY(client.call("GET", path_of(job)));
        if (context.format == Format::json)
            std::fputs(body.c_str(), stdout);
        else
            print_job(TRY(json::read<jobs::Job>(body)));
        return {};
    });
}

int job_cancel(const Context& context, const std::string& job) {
    return with_client(context, [&](Client& client) -> Result<void> {
        TRY(client.call("POST", path_of(job) + "/cancel"));
        fmt::print("{} is being cancelled\n", job);
        return {};
    });
}

int job_delete(const Context& context, const std::string& job) {
    return with_client(context, [&](Client& client) -> Result<void> {
        TRY(client.call("DELETE", path_of(job)));
        fmt::print("{} deleted\n", job);
        return {};
    });
}

int job_wait(const Context& context, const std::string& job) {
    return with_client(context, [&](Client& client) -> Result<void> {
        ProgressBar bar("job " + job.substr(0, 12));
        const auto ended = TRY(follow(client, TRY(client.get<jobs::Job>(path_of(job))), bar));
        bar.finish("completed");
        if (context.format == Format::json)
            std::fputs(json::write(ended).c_str(), stdout);
        else
            fmt::print("{} {}\n", ended.id, ended.state);
        return {};
    });
}

}  // namespace corral::cli
