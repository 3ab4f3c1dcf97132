#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "app/cli/commands.hpp"
#include "app/cli/remote_target.hpp"
#include "base/temp_folder.hpp"
#include "catalog/chunks/push.hpp"
#include "machines/requests.hpp"

namespace corral::cli {

namespace {

using Group = std::map<std::string, std::vector<catalog::Manifest>>;

Result<void> push_image(const Context& context, const PushOptions& options) {
    const ImageName name = parse_image(options.image);
    if (name.version.empty()) return invalid_field("IMAGE", "needs a version: NAME:VERSION");
    Client client(TRY(load_session(context.url)));
    const catalog::BeginUpload request{.catalog_id = name.id,
                                       .version = name.version,
                                       .architecture = options.architecture,
                                       .description = options.description,
                                       .tags = options.tags,
                                       .required_roles = options.roles,
                                       .required_claims = options.claims,
                                       .minimum_requirements = {}};
    RemoteTarget target = TRY(RemoteTarget::begin(client, request));
    const TempFolder work;
    ProgressBar bar("push " + options.image);
    std::mutex mutex;  // guards bar
    catalog::chunks::PushOptions how;
    how.work_folder = work.path();
    how.progress = [&](std::uint64_t done, std::uint64_t all) {
        const std::lock_guard lock(mutex);
        bar.show(all == 0 ? 100 : static_cast<int>(done * 100 / all), "");
    };
    const auto outcome = TRY(catalog::chunks::push(options.path, target, how));
    bar.finish(fmt::format("{} of {} in {} of {} chunks", human_bytes(outcome.sent_bytes),
                           human_bytes(outcome.data_bytes), outcome.sent_chunks, outcome.chunks));
    if (context.format == Format::json) {
        std::fputs(target.record().c_str(), stdout);
        return {};
    }
    const auto record = TRY(json::read<catalog::Manifest>(target.record()));
    fmt::print("{}:{} {} sha256:{} {} new chunks\n", record.catalog_id, record.version, record.architecture,
               outcome.digest, outcome.sent_chunks);
    return {};
}

Result<void> pull_image(const Context& context, const PullOptions& options) {
    const ImageName name = parse_image(options.image);
    Client client(TRY(load_session(context.url)));
    const machines::PullRequest request{.catalog_id = name.id,
                                        .version = name.version,
                                        .architecture = options.architecture,
                                        .owner = "",
                                        .machine_name = options.machine.empty() ? name.id : options.machine,
                                        .path = "",
                                        .connection = "",
                                        .start_after_pull = options.start};
    ProgressBar bar("pull " + options.image);
    const auto job = TRY(follow(client, TRY(client.send<jobs::Job>("PUT", "/v1/catalog/pull/async", request)), bar));
    bar.finish("machine " + job.result_record_name);
    if (context.format == Format::json)
        std::fputs(TRY(client.call("GET", "/v1/machines/" + path_segment(job.result_record_id))).c_str(), stdout);
    else
        fmt::print("{} {}\n", job.result_record_id, job.result_record_name);
    return {};
}

Result<void> show_images(const Context& context, const std::string& id) {
    Client client(TRY(load_session(context.url)));
    const std::string path = id.empty() ? "/v1/catalog" : "/v1/catalog/" + path_segment(id);
    const std::string body = TRY(client.call("GET", path));
    if (context.format == Format::json) {
        std::fputs(body.c_str(), stdout);
        return {};
    }
    std::vector<catalog::Manifest> records;
    if (!id.empty()) {
        records = TRY(json::read<std::vector<catalog::Manifest>>(body));
    } else {
        for (Group& group : TRY(json::read<std::vector<Group>>(body)))
            for (auto& [key, list] : group) records.insert(records.end(), list.begin(), list.end());
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& r : records) {
        std::string state = r.revoked ? "revoked" : r.tainted ? "tainted" : "ready";
        rows.push_back({r.catalog_id, r.version, r.architecture, human_bytes(static_cast<std::uint64_t>(r.size)),
                        human_bytes(static_cast<std::uint64_t>(r.pack_size)), std::to_string(r.download_count),
                        to_rfc3339(r.created_at).substr(0, 19), std::move(state)});
    }
    std::fputs(table({"IMAGE", "VERSION", "ARCH", "SIZE", "STORED", "PULLS", "CREATED", "STATE"}, rows).c_str(),
               stdout);
    return {};
}

int code_of(const Result<void>& done) { return done ? ok : report(done.error()); }

}  // namespace

ImageName parse_image(const std::string& text) {
    const auto colon = text.find(':');
    if (colon == std::string::npos) return {text, ""};
    return {text.substr(0, colon), text.substr(colon + 1)};
}

int push(const Context& context, const PushOptions& options) { return code_of(push_image(context, options)); }
int pull(const Context& context, const PullOptions& options) { return code_of(pull_image(context, options)); }
int list_images(const Context& context, const std::string& id) { return code_of(show_images(context, id)); }

}  // namespace corral::cli
