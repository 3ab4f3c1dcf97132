#include "jobs/routes.hpp"

#include "jobs/debug.hpp"

namespace corral::jobs {

std::vector<http::Route> routes(Service& service) {
    using namespace http;
    const Access readers = any_of({"JOB_MANAGER_LIST", "JOB_MANAGER_LIST_OWN"});
    const Access removers = any_of({"JOB_MANAGER_DELETE", "JOB_MANAGER_LIST_OWN"});
    using JobRef = Ref<JobTag>;
    std::vector<Route> rows;
    rows.push_back(get("/v1/jobs", readers, "Jobs: all of them, or the caller's own",
                       [&](const Caller& who) { return service.list(who); }));
    rows.push_back(get("/v1/jobs/{id}", readers, "One job with its steps",
                       [&](const Caller& who, JobRef id) { return service.get(who, id); }));
    rows.push_back(del("/v1/jobs/cleanup", readers, "Remove the jobs that have ended",
                       [&](const Caller& who) { return service.clean_up(who); }));
    rows.push_back(del("/v1/jobs/{id}", removers, "Remove a job; a running one is cancelled first",
                       [&](const Caller& who, JobRef id) { return service.remove(who, id); })
                       .status(204));
    rows.push_back(post("/v1/jobs/{id}/cancel", removers, "Stop a running job", [&](const Caller& who, JobRef id) {
                       return service.cancel(who, id);
                   }).status(202));
    rows.push_back(post("/v1/jobs/debug", all_of({"JOB_MANAGER_DEBUG"}), "A job that only shows how jobs go",
                        [&](const Caller& who, DebugRequest body) { return submit_debug(service, who, body); })
                       .status(202));
    for (Route& row : rows) row.module = "jobs";
    return rows;
}

}  // namespace corral::jobs
