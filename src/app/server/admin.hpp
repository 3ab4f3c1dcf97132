// What an administrator does to a service's state from the command line. Blocks; one thread.
#pragma once

#include "app/server/config.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"

namespace corral::app {

// Sets root's password in the database that `config` names, whether a server uses it or not; a server on this host that
// does is told to look. Errc::not_found when there is no database (none is made).
Result<void> set_root_password(const Config& config, const Secret& password);

// The process that serves from this data folder; 0 when none does. By `corral.pid` there.
int serving_process(const std::string& data_folder);
Result<void> note_serving_process(const std::string& data_folder);
void forget_serving_process(const std::string& data_folder);

}  // namespace corral::app
