#include "drivers/hypervisor/libvirt/reaper.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

namespace corral::drivers::libvirt {

namespace {

constexpr std::array passed_on{SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

// Signals are taken with sigwaitinfo instead of handlers: none can be lost between two calls.
int watch(pid_t service, const sigset_t& signals) {
    for (;;) {
        siginfo_t info{};
        const int signal = sigwaitinfo(&signals, &info);
        if (signal < 0 && errno != EINTR) return 1;
        // A signal of the terminal reaches the whole group, the service included; passing it on would double it.
        if (signal > 0 && signal != SIGCHLD && info.si_code != SI_KERNEL) kill(service, signal);
        int status = 0;
        for (pid_t ended = 0; (ended = waitpid(-1, &status, WNOHANG)) > 0;) {
            if (ended != service) continue;
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
    }
}

}  // namespace

int run_under_reaper(const std::function<int()>& service) {
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return service();
    sigset_t watched;
    sigset_t before;
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    for (const int signal : passed_on) sigaddset(&watched, signal);
    sigprocmask(SIG_BLOCK, &watched, &before);
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        sigprocmask(SIG_SETMASK, &before, nullptr);
        if (getppid() != parent) _exit(1);  // the parent went before the line above
        std::exit(service());
    }
    if (child < 0) {
        sigprocmask(SIG_SETMASK, &before, nullptr);
        return service();
    }
    return watch(child, watched);
}

}  // namespace corral::drivers::libvirt
