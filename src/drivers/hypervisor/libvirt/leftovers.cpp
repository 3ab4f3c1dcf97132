#include "drivers/hypervisor/libvirt/leftovers.hpp"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <pugixml.hpp>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "platform/files/files.hpp"

namespace corral::drivers::libvirt {

namespace {

namespace fs = std::filesystem;

// libvirt holds a lock on its pid file as long as it works with the folder. Asked of the kernel's list: to open and
// close that file would release a lock of our own process.
bool is_in_use(const std::string& folder) {
    struct stat pid_file{};
    if (stat((folder + "/driver.pid").c_str(), &pid_file) != 0) return false;
    const std::string inode = ":" + std::to_string(pid_file.st_ino) + " ";
    std::ifstream locks("/proc/locks");
    for (std::string line; std::getline(locks, line);)
        if (line.find(" POSIX ") != std::string::npos && line.find(inode) != std::string::npos) return true;
    return false;
}

bool is_unborn(const std::string& note) {
    pugi::xml_document document;
    if (!document.load_file(note.c_str())) return false;
    return std::string_view(document.child("domstatus").attribute("pid").as_string()) == "0";
}

bool has_argument(const fs::path& process, const std::string& ending) {
    std::ifstream words(process / "cmdline", std::ios::binary);
    for (std::string word; std::getline(words, word, '\0');)
        if (word.ends_with(ending)) return true;
    return false;
}

void end_processes_with(const std::string& ending) {
    std::error_code failed;
    for (fs::directory_iterator entry("/proc", failed); !failed && entry != fs::directory_iterator();
         entry.increment(failed)) {
        const std::string name = entry->path().filename().string();
        if (name.find_first_not_of("0123456789") != std::string::npos || !has_argument(entry->path(), ending)) continue;
        // Held before it is looked at again: the number may be another's by now.
        const int process = static_cast<int>(::syscall(SYS_pidfd_open, std::stoi(name), 0));
        if (process < 0) continue;
        if (has_argument(entry->path(), ending)) {
            log::info("A QEMU that was asked what it can do when the service was killed is ended", {{"pid", name}});
            ::syscall(SYS_pidfd_send_signal, process, SIGKILL, nullptr, 0);
        }
        ::close(process);
    }
}

}  // namespace

Result<void> end_orphaned_probes(const std::string& folder, const std::string& pids) {
    if (is_in_use(pids)) return {};
    std::error_code failed;
    std::vector<fs::path> probes;
    for (fs::directory_iterator entry(folder, failed); !failed && entry != fs::directory_iterator();
         entry.increment(failed))
        if (entry->path().filename().string().starts_with("qmp-")) probes.push_back(entry->path());
    if (failed && failed != std::errc::no_such_file_or_directory) return system_error(failed.value(), "list " + folder);
    for (const fs::path& probe : probes) {
        end_processes_with("/" + probe.filename().string() + "/qmp.pid");
        TRY(files::remove_tree(probe.string()));
    }
    return {};
}

Result<void> forget_unborn(const std::string& folder) {
    if (is_in_use(folder)) return {};
    std::error_code failed;
    fs::directory_iterator entry(folder, failed);
    for (; !failed && entry != fs::directory_iterator(); entry.increment(failed)) {
        const std::string note = entry->path().string();
        if (!note.ends_with(".xml") || !is_unborn(note)) continue;
        log::info("A machine whose start was cut off is stopped again", {{"machine", entry->path().stem().string()}});
        TRY(files::remove_tree(note));
    }
    if (failed && failed != std::errc::no_such_file_or_directory) return system_error(failed.value(), "list " + folder);
    return {};
}

void drop_stale_memory(virDomainPtr domain) {
    if (virDomainIsActive(domain) != 1 || virDomainHasManagedSaveImage(domain, 0) != 1) return;
    // libvirt may not know yet that the process is gone, and then the image is all there is. This call has to wait
    // until it does.
    std::array<virDomainMemoryStatStruct, VIR_DOMAIN_MEMORY_STAT_NR> ignored{};
    const bool answered = virDomainMemoryStats(domain, ignored.data(), ignored.size(), 0) >= 0 ||
                          !last_error_is(VIR_ERR_OPERATION_TIMEOUT);
    if (!answered || virDomainIsActive(domain) != 1) return;
    if (virDomainManagedSaveRemove(domain, 0) == 0)
        log::info("The memory image of a suspend that was cut off is dropped", {{"machine", id_of(domain)}});
    else
        log::error("An old memory image cannot be removed",
                   {{"machine", id_of(domain)}, {"detail", last_error("").detail}});
}

void go_on_after_snapshot(virDomainPtr domain) {
    int state = 0;
    int reason = 0;
    if (virDomainGetState(domain, &state, &reason, 0) != 0 || state != VIR_DOMAIN_PAUSED ||
        reason != VIR_DOMAIN_PAUSED_SAVE)
        return;
    // Waits until libvirt has finished with the machine itself, which may have it running again by then.
    if (virDomainResume(domain) == 0)
        log::info("A machine that was halted for a snapshot goes on", {{"machine", id_of(domain)}});
    else if (!last_error_is(VIR_ERR_OPERATION_INVALID))
        log::error("A machine that was halted for a snapshot cannot go on",
                   {{"machine", id_of(domain)}, {"detail", last_error("").detail}});
}

}  // namespace corral::drivers::libvirt
