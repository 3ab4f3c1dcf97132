#include "app/server/admin.hpp"

#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>

#include "app/server/app.hpp"
#include "app/server/database.hpp"
#include "app/server/folders.hpp"
#include "identity/directory.hpp"
#include "identity/migrations.hpp"
#include "identity/seed.hpp"
#include "platform/files/files.hpp"

namespace corral::app {

namespace {

std::string pid_file(const std::string& data_folder) { return data_folder + "/corral.pid"; }

// The program behind a process; "" when there is none.
std::string program_of(int pid) {
    std::error_code gone;
    return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/exe", gone).filename();
}

}  // namespace

int serving_process(const std::string& data_folder) {
    const auto text = files::read_file(pid_file(data_folder), 32);
    int pid = 0;
    if (!text || std::from_chars(text->data(), text->data() + text->size(), pid).ec != std::errc{} || pid <= 1)
        return 0;
    // A number that was left behind may be somebody else's by now.
    return program_of(pid) == program_of(::getpid()) && ::kill(pid, 0) == 0 ? pid : 0;
}

Result<void> note_serving_process(const std::string& data_folder) {
    return files::replace_file(pid_file(data_folder), std::to_string(::getpid()) + "\n", 0600);
}

void forget_serving_process(const std::string& data_folder) {
    std::error_code ignored;
    std::filesystem::remove(pid_file(data_folder), ignored);
}

Result<void> set_root_password(const Config& config, const Secret& password) {
    if (password.empty()) return invalid_field("password", "must not be empty");
    const Folders folders = TRY(make_folders(config));
    const auto database = TRY(open_database_beside_server(config, folders));
    const SystemClock clock;
    identity::Directory directory(*database);
    TRY(identity::seed(*database, directory, clock, password));
    TRY(database->write([](db::Tx& tx) { tx.announce("identity"); }));  // to controllers on other hosts
    if (const int pid = serving_process(folders.data); pid != 0) ::kill(pid, SIGHUP);
    return {};
}

}  // namespace corral::app
