// Commands and files inside a running guest.
#include <filesystem>

#include "machines/service.hpp"
#include "platform/files/files.hpp"

namespace corral::machines {

namespace {

Result<void> check(const ExecuteRequest& request) {
    if (request.command.empty() && request.script.text == "null") return invalid_field("/command", "is required");
    if (request.script.text != "null")
        return Error{Errc::unsupported, "Scripts are not run on this host; give the lines as command"};
    if (request.use_ssh) return Error{Errc::unsupported, "Commands are run by the guest's agent, not over SSH"};
    // The agent runs as root, so sudo has nothing to add (quirk M15).
    if (!request.user.empty() && request.user != "root")
        return invalid_field("/user", "must be root: the guest's agent runs commands as root");
    return {};
}

std::string without_one_newline(std::string text) {
    if (text.ends_with('\n')) text.pop_back();
    if (text.ends_with('\r')) text.pop_back();
    return text;
}

}  // namespace

Result<ExecuteResponse> Service::execute(const Ref<MachineTag>& reference, const ExecuteRequest& request,
                                         bool keep_stderr, const Caller& who) {
    TRY(check(request));
    const Observed machine = TRY(find(reference));
    GuestAccess* guest = driver_.guest();
    if (guest == nullptr) return Error{Errc::unsupported, "This hypervisor runs no commands in guests"};
    if (machine.state != State::running) return Error{Errc::invalid, "VM is not running"};
    GuestCommand command;
    command.shell_line = request.command;
    command.env = request.environment_variables;
    auto answer = guest->execute(machine.id, command, op(settings_.execute_limit));
    note(who, "machine.execute", machine, answer ? nullptr : &answer.error());  // not the command: it may hold a secret
    const GuestOutcome done = TRY(std::move(answer));
    ExecuteResponse out{.out = without_one_newline(done.out), .exit_code = done.exit_code};
    if (keep_stderr || done.exit_code != 0) out.err = without_one_newline(done.err);
    if (done.exit_code != 0)
        out.error = (out.err.empty() ? "" : out.err + ", ") + "exit status " + std::to_string(done.exit_code);
    return out;
}

Result<std::string> Service::confined(const Caller& who, const std::string& path) const {
    std::vector<std::string> allowed = settings_.local_roots;
    if (allowed.empty() && !who.super_user()) allowed = settings_.usual_folders;
    return files::confine(path, allowed, settings_.own_folders);
}

Result<UploadResponse> Service::upload(const Caller& who, const Ref<MachineTag>& reference,
                                       const UploadRequest& request) {
    const Observed machine = TRY(find(reference));
    const std::string path = TRY(confined(who, request.path));
    if (!files::exists(path)) return invalid_field("/path", "does not exist");
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) return invalid_field("/path", "must be a file");
    GuestAccess* guest = driver_.guest();
    if (guest == nullptr) return Error{Errc::unsupported, "This hypervisor copies no files into guests"};
    if (machine.state != State::running) return Error{Errc::invalid, "VM is not running"};
    std::string target = request.remote_path;
    const Op limited = op(settings_.execute_limit);
    // A folder as target takes the file under its own name, as cp(1) does.
    const GuestCommand is_folder{.argv = {"test", "-d", target}, .use_shell = false};
    if (TRY(guest->execute(machine.id, is_folder, limited)).exit_code == 0) {
        if (!target.ends_with('/')) target += '/';
        target += path.substr(path.rfind('/') + 1);
    }
    auto written = guest->write_file(machine.id, path, target, limited);
    note(who, "machine.upload", machine, written ? nullptr : &written.error());
    TRY(std::move(written));
    return UploadResponse{.path = target};
}

}  // namespace corral::machines
