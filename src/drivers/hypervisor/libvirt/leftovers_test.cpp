// What a kill of the service in the middle of a start leaves to libvirt.
#include "drivers/hypervisor/libvirt/leftovers.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

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
    close(done[1]);
    ASSERT_EQ(waitpid(other, nullptr, 0), other);
    EXPECT_TRUE(ok(forget_unborn(folder_.path())));
    EXPECT_FALSE(files::exists(folder_ / "a.xml"));
}

}  // namespace
}  // namespace corral::drivers::libvirt
