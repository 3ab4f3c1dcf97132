#include "platform/process/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace corral::process {

namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned close_range_cloexec = 4;  // CLOSE_RANGE_CLOEXEC of linux/close_range.h

// A pipe whose ends close themselves. [0] reads, [1] writes.
struct Pipe {
    int read = -1;
    int write = -1;
    bool open() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
        read = ends[0];
        write = ends[1];
        return true;
    }
    static void close(int& fd) {
        if (fd >= 0) ::close(std::exchange(fd, -1));
    }
    ~Pipe() {
        close(read);
        close(write);
    }
};

std::vector<std::string> environment_with(const std::map<std::string, std::string>& added) {
    std::vector<std::string> out;
    for (char** e = environ; *e != nullptr; ++e) {
        const std::string_view entry = *e;
        if (!added.contains(std::string(entry.substr(0, entry.find('='))))) out.emplace_back(entry);
    }
    for (const auto& [name, value] : added) out.push_back(name + "=" + value);
    return out;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> out;
    for (auto& s : strings) out.push_back(s.data());
    out.push_back(nullptr);
    return out;
}

struct Child {
    pid_t pid = -1;
    int pidfd = -1;
    Pipe in, out, err;
    ~Child() {
        if (pidfd >= 0) ::close(pidfd);
    }
};

// Only async-signal-safe calls between fork and exec.
[[noreturn]] void become(const Child& child, const char* program, char* const* argv, char* const* envp,
                         const char* folder, pid_t parent) {
    ::setpgid(0, 0);
    // When this service is killed, what it had started must not go on writing beside its successor.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    std::signal(SIGPIPE, SIG_DFL);
    // Libraries open files and sockets that exec would hand on: a client's connection would stay open in the child.
    ::syscall(SYS_close_range, 3U, ~0U, close_range_cloexec);
    if (::dup2(child.in.read, 0) < 0 || ::dup2(child.out.write, 1) < 0 || ::dup2(child.err.write, 2) < 0) ::_exit(127);
    if (*folder != '\0' && ::chdir(folder) != 0) ::_exit(126);
    ::execve(program, argv, envp);
    ::_exit(127);
}

Result<void> start(const Command& command, const std::string& program, Child& child) {
    if (!child.in.open() || !child.out.open() || !child.err.open()) return system_error(errno, "pipe");
    std::vector<std::string> arguments = command.argv;
    std::vector<std::string> environment = environment_with(command.env);
    const auto argv = pointers(arguments);
    const auto envp = pointers(environment);
    const pid_t parent = ::getpid();
    child.pid = ::fork();
    if (child.pid < 0) return system_error(errno, "fork");
    if (child.pid == 0)
        become(child, program.c_str(), argv.data(), envp.data(), command.working_folder.c_str(), parent);
    ::setpgid(child.pid, child.pid);  // in both, so that no kill comes too early
    child.pidfd = static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0));
    Pipe::close(child.in.read);
    Pipe::close(child.out.write);
    Pipe::close(child.err.write);
    for (const int fd : {child.in.write, child.out.read, child.err.read}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
    return {};
}

// A child that has closed its standard input must not end this process: SIGPIPE is held back in this thread, and taken
// away when it came.
ssize_t write_without_signal(int fd, std::string_view bytes) {
    sigset_t pipe_signal;
    sigset_t before;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    const int why = errno;
    if (put < 0 && why == EPIPE) {
        const timespec now{};
        sigtimedwait(&pipe_signal, nullptr, &now);
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = why;
    return put;
}

class Session {
public:
    Session(const Command& command, Child& child) : command_(command), child_(child), input_(command.input) {}

    // Moves bytes until both outputs are closed and the child has ended, or time is up.
    Result<Outcome> finish() {
        const auto deadline = Clock::now() + command_.time_limit;
        while (!exited_ || child_.out.read >= 0 || child_.err.read >= 0) {
            if (command_.cancel.stop_requested()) return kill_with("The command was cancelled");
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
            if (left <= 0) return kill_with("The command took too long and was stopped");
            // A grandchild may hold the pipes open after the child has ended: it gets a short while.
            if (exited_ && Clock::now() > exited_at_ + std::chrono::milliseconds{200}) break;
            wait_for_bytes(static_cast<int>(std::min<long long>(left, exited_ ? 50 : 250)));
            if (too_large_) return kill_with("The command printed more than is accepted", Errc::too_large);
        }
        last_line();
        outcome_.exit_code = WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_);
        return std::move(outcome_);
    }

private:
    void wait_for_bytes(int milliseconds) {
        std::array<pollfd, 4> polled{{{input_.empty() ? -1 : child_.in.write, POLLOUT, 0},
                                      {child_.out.read, POLLIN, 0},
                                      {child_.err.read, POLLIN, 0},
                                      {exited_ ? -1 : child_.pidfd, POLLIN, 0}}};
        if (input_.empty()) Pipe::close(child_.in.write);
        ::poll(polled.data(), polled.size(), milliseconds);
        if (polled[0].revents != 0) feed();
        if (polled[1].revents != 0) drain(child_.out.read, outcome_.out, true);
        if (polled[2].revents != 0) drain(child_.err.read, outcome_.err, false);
        if (!exited_ && ::waitpid(child_.pid, &status_, WNOHANG) == child_.pid) {
            exited_ = true;
            exited_at_ = Clock::now();
        }
    }

    void feed() {
        const ssize_t put = write_without_signal(child_.in.write, input_);
        if (put > 0)
            input_.remove_prefix(static_cast<std::size_t>(put));
        else if (put < 0 && errno != EAGAIN && errno != EINTR)
            input_ = {};  // it does not read: fine
    }

    void drain(int& fd, std::string& into, bool lines) {
        std::array<char, 65536> buffer{};
        for (;;) {
            const ssize_t got = ::read(fd, buffer.data(), buffer.size());
            if (got < 0 && errno == EINTR) continue;
            if (got < 0 && errno == EAGAIN) return;
            if (got <= 0) return Pipe::close(fd);
            into.append(buffer.data(), static_cast<std::size_t>(got));
            if (into.size() > command_.output_limit) {
                too_large_ = true;
                return;
            }
            if (lines && command_.on_output_line) tell_lines();
        }
    }

    void tell_lines() {
        for (auto end = outcome_.out.find('\n', told_); end != std::string::npos;
             end = outcome_.out.find('\n', told_)) {
            command_.on_output_line(std::string_view(outcome_.out).substr(told_, end - told_));
            told_ = end + 1;
        }
    }

    void last_line() {
        if (command_.on_output_line && told_ < outcome_.out.size())
            command_.on_output_line(std::string_view(outcome_.out).substr(told_));
    }

    Result<Outcome> kill_with(const char* message, Errc code = Errc::timeout) {
        ::kill(-child_.pid, SIGKILL);
        while (!exited_ && ::waitpid(child_.pid, &status_, 0) < 0 && errno == EINTR) {
        }
        return Error{code, message, command_.argv.front() + ": " + outcome_.err.substr(0, 4096)};
    }

    const Command& command_;
    Child& child_;
    std::string_view input_;
    Outcome outcome_;
    std::size_t told_ = 0;
    int status_ = 0;
    bool exited_ = false;
    bool too_large_ = false;
    Clock::time_point exited_at_{};
};

bool executable(const std::string& path) {  // folders are "executable" too
    struct stat info{};
    return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::optional<std::string> find_program(std::string_view program) {
    if (program.find('/') != std::string_view::npos)
        return executable(std::string(program)) ? std::optional(std::string(program)) : std::nullopt;
    const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody changes the environment
    std::string_view rest = path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path;
    while (!rest.empty()) {
        const auto colon = std::min(rest.find(':'), rest.size());
        const std::string candidate = std::string(rest.substr(0, colon)) + "/" + std::string(program);
        rest.remove_prefix(std::min(colon + 1, rest.size()));
        if (executable(candidate)) return candidate;
    }
    return std::nullopt;
}

Result<Outcome> run(const Command& command) {
    if (command.argv.empty()) return Error{Errc::internal, "A command without a program"};
    const auto program = find_program(command.argv.front());
    if (!program) return Error{Errc::not_found, "The program " + command.argv.front() + " is not installed"};
    Child child;
    TRY(start(command, *program, child));
    return Session(command, child).finish();
}

}  // namespace corral::process
