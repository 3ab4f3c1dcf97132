#include "drivers/hypervisor/libvirt/guest/guest_access.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>

#include "drivers/hypervisor/guest_command.hpp"
#include "drivers/hypervisor/libvirt/guest/guest_session.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/files/files.hpp"

namespace corral::drivers::libvirt {

using machines::GuestCommand;
using machines::GuestOutcome;
using machines::Op;

namespace {

// Runs the command ("$@") with its output in two private files, so that its size does not matter and what it leaves
// running in the background holds nothing open. Small output comes back with the answer: one line with both sizes, then
// the output; the files are gone then. Otherwise they are fetched in pieces. $1 is where the files go, $2 a file to
// read input from ("" for the agent's own), $3 the largest size that comes back at once.
constexpr const char* wrapper = R"(f=$1 i=$2 most=$3; shift 3
mask=$(umask); umask 077
exec 3>"$f.o" 4>"$f.e" || exit 125
umask "$mask"
if [ -n "$i" ]; then "$@" <"$i" >&3 2>&4 3>&- 4>&-; else "$@" >&3 2>&4 3>&- 4>&-; fi
c=$?
exec 3>&- 4>&-
set -- $(wc -c "$f.o" "$f.e"); o=$1 e=$3
echo $o $e
if [ $o -le $most ] && [ $e -le $most ]; then
  [ $o = 0 ] || cat "$f.o"
  [ $e = 0 ] || cat "$f.e" >&2
  rm -f "$f.o" "$f.e"
fi
[ -z "$i" ] || rm -f "$i"
exit $c)";
constexpr std::size_t at_once = 64U << 10U;

struct Sizes {
    std::size_t out = 0;
    std::size_t err = 0;
    std::size_t header = 0;
};

Result<Sizes> read_header(const std::string& text) {
    Sizes sizes;
    const char* end = text.data() + text.size();
    const auto first = std::from_chars(text.data(), end, sizes.out);
    if (first.ec == std::errc{} && first.ptr != end && *first.ptr == ' ') {
        const auto second = std::from_chars(first.ptr + 1, end, sizes.err);
        if (second.ec == std::errc{} && second.ptr != end && *second.ptr == '\n') {
            sizes.header = static_cast<std::size_t>(second.ptr + 1 - text.data());
            return sizes;
        }
    }
    return Error{Errc::upstream, "The guest could not run the command", text};
}

Result<std::string> fetch(GuestSession& session, const std::string& path) {
    constexpr std::size_t most = 64U << 20U;
    std::string content;
    TRY(session.read(path, [&](std::string_view piece) -> Result<void> {
        content += piece;
        if (content.size() > most) return Error{Errc::too_large, "The command's output is larger than 64 MiB"};
        return {};
    }));
    return content;
}

Result<void> put(GuestSession& session, const std::string& path, std::string_view content) {
    return session.write(path, [&](std::size_t most) -> Result<std::string> {
        std::string piece{content.substr(0, most)};
        content.remove_prefix(piece.size());
        return piece;
    });
}

// After a failure: best effort, with a moment of its own because the operation has none left.
void remove_from_guest(Agent& agent, const std::string& id, const std::vector<std::string>& paths) {
    const Op moment{.deadline = std::chrono::steady_clock::now() + std::chrono::seconds{3}};
    std::vector<std::string> argv{"/bin/rm", "-f"};
    argv.insert(argv.end(), paths.begin(), paths.end());
    const auto ignored = GuestSession{agent, id, moment}.run(argv, "");
    static_cast<void>(ignored);
}

Result<void> check_guest_path(const std::string& path) {
    if (path.empty() || path.front() != '/' || path.find('\0') != std::string::npos)
        return invalid_field("remote_path", "must be an absolute path");
    return {};
}

}  // namespace

Result<GuestOutcome> AgentGuest::execute(const std::string& id, const GuestCommand& command, const Op& op) {
    const std::vector<std::string> asked = TRY(guest_argv(command));
    TRY(wait_(id, op));
    GuestSession session{agent_, id, op};
    const std::string place = "/tmp/.corral-" + crypto::random_uuid();
    const bool long_input = command.input.size() > at_once;
    const std::string input_file = long_input ? place + ".i" : "";
    if (long_input) TRY(put(session, input_file, command.input));
    std::vector<std::string> argv{"/bin/sh", "-c", wrapper, "sh", place, input_file, std::to_string(at_once)};
    argv.insert(argv.end(), asked.begin(), asked.end());
    auto ran = session.run(argv, long_input ? std::string_view{} : command.input);
    if (!ran) {
        // Cancelled or out of time: its files go as well, with a moment of their own.
        remove_from_guest(agent_, id, {place + ".o", place + ".e", place + ".i"});
        return std::move(ran).error();
    }
    GuestOutcome outcome = *std::move(ran);
    const auto sizes = read_header(outcome.out);
    if (!sizes) return Error{sizes.error().code, sizes.error().message, outcome.err};
    if (sizes->out <= at_once && sizes->err <= at_once) {
        outcome.out.erase(0, sizes->header);
        return outcome;
    }
    auto out = fetch(session, place + ".o");
    auto err = fetch(session, place + ".e");
    TRY(session.run({"/bin/rm", "-f", place + ".o", place + ".e"}, ""));
    outcome.out = TRY(std::move(out));
    outcome.err = TRY(std::move(err));
    return outcome;
}

Result<void> AgentGuest::write_file(const std::string& id, const std::string& host_path, const std::string& guest_path,
                                    const Op& op) {
    TRY(check_guest_path(guest_path));
    const files::Descriptor from = TRY(files::open_read(host_path));
    struct stat status{};
    if (fstat(from.get(), &status) != 0) return system_error(errno, "fstat " + host_path);
    if (!S_ISREG(status.st_mode)) return Error{Errc::invalid, "Only a plain file can be copied", host_path};
    TRY(wait_(id, op));
    GuestSession session{agent_, id, op};
    const std::string fresh = guest_path + ".corral-" + crypto::random_uuid().substr(0, 8);
    std::uint64_t done = 0;
    const auto size = static_cast<std::uint64_t>(status.st_size);
    auto copied = session.write(fresh, [&](std::size_t most) -> Result<std::string> {
        std::string piece(static_cast<std::size_t>(std::min<std::uint64_t>(most, size - done)), '\0');
        TRY(files::pread_all(from.get(), piece.data(), piece.size(), done));
        done += piece.size();
        if (op.progress && size > 0) op.progress(static_cast<int>(done * 100 / size));
        return piece;
    });
    if (!copied) {
        remove_from_guest(agent_, id, {fresh});
        return copied;
    }
    const std::string mode = (status.st_mode & 0100U) != 0 ? "755" : "644";
    // The new file takes its place whole, with the source's right to be run.
    const auto moved = TRY(
        session.run({"/bin/sh", "-c",
                     "{ [ ! -d \"$3\" ] && chmod \"$1\" \"$2\" && mv -f \"$2\" \"$3\"; } || { rm -f \"$2\"; exit 1; }",
                     "sh", mode, fresh, guest_path},
                    ""));
    if (moved.exit_code != 0) return Error{Errc::invalid, "The guest cannot write this file", moved.err};
    return {};
}

Result<void> AgentGuest::read_file(const std::string& id, const std::string& guest_path, const std::string& host_path,
                                   const Op& op) {
    TRY(check_guest_path(guest_path));
    TRY(wait_(id, op));
    const std::string fresh = host_path + ".part";
    const files::Descriptor to = TRY(files::open_write(fresh, true));
    std::uint64_t done = 0;
    auto copied = GuestSession{agent_, id, op}.read(guest_path, [&](std::string_view piece) -> Result<void> {
        TRY(files::pwrite_all(to.get(), piece.data(), piece.size(), done));
        done += piece.size();
        return {};
    });
    std::error_code failed;
    if (copied) copied = files::sync_data(to.get());
    if (copied) {
        std::filesystem::rename(fresh, host_path, failed);
        if (!failed) return files::sync_folder(std::filesystem::path(host_path).parent_path().string());
        copied = Error{Errc::internal, "The file could not be written", host_path + ": " + failed.message()};
    }
    std::filesystem::remove(fresh, failed);
    return copied;
}

}  // namespace corral::drivers::libvirt
