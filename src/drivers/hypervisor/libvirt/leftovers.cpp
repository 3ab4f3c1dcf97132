#include "drivers/hypervisor/libvirt/leftovers.hpp"

#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <pugixml.hpp>
#include <string_view>

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

}  // namespace

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

}  // namespace corral::drivers::libvirt
