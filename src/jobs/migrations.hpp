// Tables of jobs. Numbers 250 to 299.
#pragma once

#include <vector>

#include "platform/db/db.hpp"

namespace corral::jobs {

inline std::vector<db::Migration> migrations() {
    return {{250, "jobs", R"sql(
CREATE TABLE jobs (
  id TEXT PRIMARY KEY, owner TEXT NOT NULL, state TEXT NOT NULL, message TEXT NOT NULL, progress BIGINT NOT NULL,
  job_type TEXT NOT NULL, job_operation TEXT NOT NULL, orchestrator BOOLEAN NOT NULL, steps TEXT NOT NULL,
  result TEXT NOT NULL, record_id TEXT NOT NULL, record_name TEXT NOT NULL, record_type TEXT NOT NULL,
  record_link_id TEXT NOT NULL, error TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
  kind TEXT NOT NULL, input TEXT NOT NULL, checkpoint TEXT NOT NULL);
CREATE INDEX jobs_owner ON jobs (owner, created_at);
CREATE INDEX jobs_state ON jobs (state)
)sql"},
            // Who runs an unfinished job; without a row it is left from before there were several controllers.
            {270, "job_runs", R"sql(
CREATE TABLE job_runs (
  job_id TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE, controller TEXT NOT NULL, stop BOOLEAN NOT NULL);
CREATE INDEX job_runs_controller ON job_runs (controller)
)sql"}};
}

}  // namespace corral::jobs
