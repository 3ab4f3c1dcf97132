// What a kill of the service in the middle of a start leaves to libvirt.
#include "drivers/hypervisor/libvirt/leftovers.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/temp_folder.hpp"
#include "platform/files/files.hpp"
#include "support/results.hpp"

namespace corral::drivers::libvirt {
namespace {

using testing_support::ok;

class Leftovers : public testing::Test {
protected:
    void note(const std::string& name, const std::string& text) {
        ASSERT_TRUE(ok(files::replace_file(folder_ / name, text)));
    }
    TempFolder folder_;
};

constexpr const char* unborn =
    "<!-- libvirt's -->\n<domstatus state='paused' reason='starting up' pid='0'><domain/></domstatus>";
constexpr const char* running = "<domstatus state='running' reason='booted' pid='4711'><domain/></domstatus>";

TEST_F(Leftovers, only_notes_of_machines_without_a_process_are_forgotten) {
    note("a.xml", unborn);
    note("b.xml", running);
    note("c.xml", "no XML at all");
    note("a.pid", "0");
    EXPECT_TRUE(ok(forget_unborn(folder_.path())));
    EXPECT_FALSE(files::exists(folder_ / "a.xml"));
    for (const char* kept : {"b.xml", "c.xml", "a.pid"}) EXPECT_TRUE(files::exists(folder_ / kept)) << kept;
}

TEST_F(Leftovers, a_folder_that_is_not_there_yet_is_fine) { EXPECT_TRUE(ok(forget_unborn(folder_ / "none"))); }

TEST_F(Leftovers, a_folder_that_another_process_works_with_is_left_alone) {
    note("a.xml", unborn);
    note("driver.pid", "1\n");
    int held[2];
    int done[2];
    ASSERT_EQ(pipe(held), 0);
    ASSERT_EQ(pipe(done), 0);
    const pid_t other = fork();
    if (other == 0) {
        const int file = open((folder_ / "driver.pid").c_str(), O_RDWR);
        struct flock lock{};
        lock.l_type = F_WRLCK;
        lock.l_whence = SEEK_SET;
        lock.l_len = 1;
        char byte = fcntl(file, F_SETLK, &lock) == 0 ? 'y' : 'n';
        if (write(held[1], &byte, 1) != 1) _exit(1);
        close(done[1]);
        _exit(read(done[0], &byte, 1) < 0 ? 1 : 0);  // until the test lets go
    }
    close(done[0]);
    char byte = 0;
    ASSERT_EQ(read(held[0], &byte, 1), 1);
    EXPECT_EQ(byte, 'y');
    EXPECT_TRUE(ok(forget_unborn(folder_.path())));
    EXPECT_TRUE(files::exists(folder_ / "a.xml"));
    ASSERT_TRUE(ok(files::make_folders(folder_ / "qmp-A1b2C3")));
    EXPECT_TRUE(ok(end_orphaned_probes(folder_.path(), folder_.path())));
    EXPECT_TRUE(files::exists(folder_ / "qmp-A1b2C3"));
    close(done[1]);
    ASSERT_EQ(waitpid(other, nullptr, 0), other);
    EXPECT_TRUE(ok(forget_unborn(folder_.path())));
    EXPECT_FALSE(files::exists(folder_ / "a.xml"));
}

// A QEMU without a machine, as libvirt starts one to ask what it can do.
class Probe {
public:
    explicit Probe(const std::string& folder) {
        EXPECT_TRUE(ok(files::make_folders(folder)));
        const std::string pid_file = folder + "/qmp.pid";
        int begun[2];
        EXPECT_EQ(pipe2(begun, O_CLOEXEC), 0);
        pid_ = fork();
        if (pid_ == 0) {
            execlp("qemu-system-x86_64", "qemu-system-x86_64", "-S", "-no-user-config", "-nodefaults", "-nographic",
                   "-machine", "none", "-pidfile", pid_file.c_str(), nullptr);
            _exit(1);
        }
        close(begun[1]);
        char byte = 0;
        EXPECT_EQ(read(begun[0], &byte, 1), 0);  // ends when the program has taken the child over
        close(begun[0]);
    }
    ~Probe() {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    Probe(const Probe&) = delete;
    Probe& operator=(const Probe&) = delete;

    [[nodiscard]] bool runs() const { return waitpid(pid_, nullptr, WNOHANG) == 0; }
    // Waits for the end; the signal that made it.
    [[nodiscard]] int ended_by() const {
        siginfo_t end{};
        EXPECT_EQ(waitid(P_PID, static_cast<id_t>(pid_), &end, WEXITED | WNOWAIT), 0);
        return end.si_code == CLD_KILLED ? end.si_status : 0;
    }

private:
    pid_t pid_ = -1;
};

TEST_F(Leftovers, a_probe_of_this_folder_is_ended_and_no_other) {
    const Probe own(folder_ / "lib/qmp-A1b2C3");
    const Probe foreign(folder_ / "other/qmp-D4e5F6");
    ASSERT_TRUE(ok(files::make_folders(folder_ / "lib/channel")));
    ASSERT_TRUE(ok(end_orphaned_probes(folder_ / "lib", folder_ / "run")));
    EXPECT_EQ(own.ended_by(), SIGKILL);
    EXPECT_TRUE(foreign.runs());
    EXPECT_FALSE(files::exists(folder_ / "lib/qmp-A1b2C3"));
    EXPECT_TRUE(files::exists(folder_ / "lib/channel"));
    EXPECT_TRUE(files::exists(folder_ / "other/qmp-D4e5F6"));
}

TEST_F(Leftovers, no_probe_where_none_was_is_fine) {
    EXPECT_TRUE(ok(end_orphaned_probes(folder_ / "none", folder_ / "run")));
}

}  // namespace
}  // namespace corral::drivers::libvirt
