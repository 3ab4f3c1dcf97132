#include "drivers/hypervisor/fake/guest.hpp"

#include <algorithm>
#include <filesystem>

#include "drivers/hypervisor/guest_command.hpp"
#include "drivers/hypervisor/power_table.hpp"
#include "platform/files/files.hpp"
#include "platform/process/process.hpp"

namespace corral::drivers::fake {

using machines::GuestCommand;
using machines::GuestOutcome;
using machines::Op;

Result<std::string> HostGuest::root_of(const std::string& id, const Op& op) {
    const machines::Observed seen = TRY(observe_(id));
    if (seen.state != machines::State::running) return refused(seen.state);
    TRY(still_wanted(op));
    std::string root = seen.home + "guest";
    TRY(files::make_folders(root));
    return root;
}

Result<GuestOutcome> HostGuest::execute(const std::string& id, const GuestCommand& command, const Op& op) {
    process::Command run{.argv = TRY(guest_argv(command)), .env = {}, .working_folder = "", .input = command.input};
    run.working_folder = TRY(root_of(id, op));
    run.cancel = op.cancel;
    run.time_limit =
        std::max(std::chrono::milliseconds{1},
                 std::chrono::duration_cast<std::chrono::milliseconds>(op.deadline - std::chrono::steady_clock::now()));
    auto ended = process::run(run);
    if (!ended && ended.error().code == Errc::not_found)  // as a guest's shell would tell
        return GuestOutcome{.exit_code = 127, .out = "", .err = run.argv.front() + ": not found\n"};
    process::Outcome done = TRY(std::move(ended));
    return GuestOutcome{.exit_code = done.exit_code, .out = std::move(done.out), .err = std::move(done.err)};
}

Result<void> HostGuest::write_file(const std::string& id, const std::string& host_path, const std::string& guest_path,
                                   const Op& op) {
    const std::string root = TRY(root_of(id, op));
    const std::string content = TRY(files::read_file(host_path));
    const std::string target = root + "/" + guest_path;
    TRY(files::make_folders(std::filesystem::path(target).parent_path().string()));
    return files::replace_file(target, content);
}

Result<void> HostGuest::read_file(const std::string& id, const std::string& guest_path, const std::string& host_path,
                                  const Op& op) {
    const std::string root = TRY(root_of(id, op));
    return files::replace_file(host_path, TRY(files::read_file(root + "/" + guest_path)));
}

}  // namespace corral::drivers::fake
