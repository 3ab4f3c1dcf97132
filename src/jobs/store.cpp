#include "jobs/store.hpp"

namespace corral::jobs::store {

namespace {

constexpr std::string_view columns =
    "id, owner, state, message, progress, job_type, job_operation, orchestrator, steps, result, record_id, "
    "record_name, "
    "record_type, record_link_id, error, created_at, updated_at, kind, input, checkpoint";

std::vector<Job> jobs_of(db::Tx& tx, const std::string& rest, const auto&... in) {
    std::vector<Job> out;
    const std::string sql = "SELECT " + std::string(columns) + " FROM jobs " + rest;
    for (auto& row : tx.all<std::string, std::string, std::string, std::string, int, std::string, std::string, bool,
                            std::string, std::string, std::string, std::string, std::string, std::string, std::string,
                            Time, Time, std::string, std::string, std::string>(sql, in...)) {
        Job job;
        std::string steps;
        std::tie(job.id, job.owner, job.state, job.message, job.progress, job.job_type, job.job_operation,
                 job.is_orchestrator_job, steps, job.result, job.result_record_id, job.result_record_name,
                 job.result_record_type, job.result_record_link_id, job.error, job.created_at, job.updated_at, job.kind,
                 job.input, job.checkpoint) = row;
        auto decoded = json::read<std::vector<Step>>(steps);
        if (!decoded) throw db::Failure(db::Failure::Kind::other, "the steps of job " + job.id + " cannot be read");
        job.steps = std::move(*decoded);
        out.push_back(std::move(job));
    }
    return out;
}

}  // namespace

void insert(db::Tx& tx, const Job& j) {
    tx.exec("INSERT INTO jobs (" + std::string(columns) +
                ") VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9, :10, :11, :12, :13, :14, :15, :16, :17, :18, :19, :20)",
            j.id, j.owner, j.state, j.message, j.progress, j.job_type, j.job_operation, j.is_orchestrator_job,
            json::to_text(j.steps), j.result, j.result_record_id, j.result_record_name, j.result_record_type,
            j.result_record_link_id, j.error, j.created_at, j.updated_at, j.kind, j.input, j.checkpoint);
}

bool update(db::Tx& tx, const Job& j) {
    return tx.exec(
               "UPDATE jobs SET state = :1, message = :2, progress = :3, steps = :4, result = :5, record_id = :6, "
               "record_name = :7, record_type = :8, record_link_id = :9, error = :10, updated_at = :11, "
               "checkpoint = :12 WHERE id = :13",
               j.state, j.message, j.progress, json::to_text(j.steps), j.result, j.result_record_id,
               j.result_record_name, j.result_record_type, j.result_record_link_id, j.error, j.updated_at, j.checkpoint,
               j.id) > 0;
}

std::optional<Job> find(db::Tx& tx, const std::string& id) {
    auto found = jobs_of(tx, "WHERE lower(id) = lower(:1)", id);
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

std::vector<Job> list(db::Tx& tx, const std::string& owner) {
    if (owner.empty()) return jobs_of(tx, "ORDER BY created_at, id");
    return jobs_of(tx, "WHERE owner = :1 ORDER BY created_at, id", owner);
}

std::vector<Job> to_resume(db::Tx& tx, const std::string& controller) {
    return jobs_of(tx,
                   "WHERE state IN ('pending', 'init', 'running') AND "
                   "NOT EXISTS (SELECT 1 FROM job_runs WHERE job_id = id AND controller <> :1) ORDER BY created_at, id",
                   controller);
}

void assign(db::Tx& tx, const std::string& job, const std::string& controller) {
    tx.exec(
        "INSERT INTO job_runs (job_id, controller, stop) VALUES (:1, :2, FALSE) "
        "ON CONFLICT (job_id) DO UPDATE SET controller = excluded.controller",
        job, controller);
}

bool assigned(db::Tx& tx, const std::string& job, const std::string& controller) {
    return tx.one<std::string>("SELECT job_id FROM job_runs WHERE job_id = :1 AND controller = :2", job, controller)
        .has_value();
}

void release(db::Tx& tx, const std::string& job) { tx.exec("DELETE FROM job_runs WHERE job_id = :1", job); }

bool ask_to_stop(db::Tx& tx, const std::string& job) {
    return tx.exec("UPDATE job_runs SET stop = TRUE WHERE job_id = :1", job) > 0;
}

std::map<std::string, bool> assigned_to(db::Tx& tx, const std::string& controller) {
    std::map<std::string, bool> out;
    for (const auto& [job, stop] :
         tx.all<std::string, bool>("SELECT job_id, stop FROM job_runs WHERE controller = :1", controller))
        out[job] = stop;
    return out;
}

std::vector<std::string> controllers(db::Tx& tx) {
    return tx.all<std::string>("SELECT DISTINCT controller FROM job_runs ORDER BY controller");
}

bool remove(db::Tx& tx, const std::string& id) { return tx.exec("DELETE FROM jobs WHERE id = :1", id) > 0; }

std::vector<std::string> finished_ids(db::Tx& tx, const std::string& owner) {
    return tx.all<std::string>(
        "SELECT id FROM jobs WHERE state IN ('completed', 'failed', 'skipped') AND "
        "(:1 = '' OR owner = :2) ORDER BY created_at, id",
        owner, owner);
}

void trim(db::Tx& tx, Time before, std::int64_t kept) {
    tx.exec(
        "DELETE FROM jobs WHERE state IN ('completed', 'failed') AND (updated_at < :1 OR id NOT IN "
        "(SELECT id FROM jobs WHERE state IN ('completed', 'failed') ORDER BY updated_at DESC LIMIT :2))",
        before, kept);
}

std::map<std::string, std::int64_t> counts(db::Tx& tx) {
    std::map<std::string, std::int64_t> out;
    for (const auto& [state, count] :
         tx.all<std::string, std::int64_t>("SELECT state, COUNT(*) FROM jobs GROUP BY state ORDER BY state"))
        out[state] = count;
    return out;
}

}  // namespace corral::jobs::store
