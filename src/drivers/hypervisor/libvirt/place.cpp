#include "drivers/hypervisor/libvirt/place.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "platform/files/files.hpp"

namespace corral::drivers::libvirt {

namespace {

namespace fs = std::filesystem;

// As root QEMU keeps this process's account: with the packaged default (libvirt-qemu) libvirt's capability cache never
// becomes valid where only root may open /dev/kvm, and each definition probes QEMU again. Devices, cgroups, security
// labels and mount namespaces are left alone so that the service also runs in containers. Output goes to files because
// there is no virtlogd.
constexpr std::string_view common_configuration = R"(security_driver = "none"
cgroup_controllers = []
namespaces = []
dynamic_ownership = 0
remember_owner = 0
stdio_handler = "file"
)";

Result<void> check_accounts() {
    if (geteuid() != 0) return {};
    if (getpwnam("libvirt-qemu") != nullptr && getgrnam("libvirt-qemu") != nullptr) return {};
    return Error{Errc::unavailable,
                 "As root, libvirt needs the account libvirt-qemu and a group of that name (groupadd -r libvirt-qemu; "
                 "useradd -r -g libvirt-qemu libvirt-qemu)"};
}

Result<std::string> own_run_folder(const std::string& wanted) {
    std::string folder = !wanted.empty()  ? wanted
                         : geteuid() == 0 ? "/run/corral"
                                          : fmt::format("/tmp/corral-{}", geteuid());
    if (folder.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") !=
        std::string::npos)
        return Error{Errc::invalid, "The run folder's path may hold letters, digits and /._- only", folder};
    TRY(files::make_folders(folder, 0700));
    struct stat status{};
    // Whoever can write here could put another socket in a machine's place.
    if (lstat(folder.c_str(), &status) != 0) return system_error(errno, "lstat " + folder);
    if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 022U) != 0)
        return Error{Errc::unavailable, "The run folder " + folder + " must belong to this account alone"};
    return folder;
}

std::uint32_t short_name(const std::string& text) {
    std::uint32_t hash = 2166136261U;  // FNV-1a: only has to differ between the few data folders of one host
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    return hash;
}

Result<void> point_link(const std::string& link, const std::string& target) {
    std::error_code failed;
    if (fs::read_symlink(link, failed) == target && !failed) return {};
    const std::string fresh = link + ".new";
    fs::remove(fresh, failed);
    fs::create_directory_symlink(target, fresh, failed);
    if (!failed) fs::rename(fresh, link, failed);
    if (failed) return Error{Errc::internal, "The link " + link + " could not be made", failed.message()};
    return {};
}

}  // namespace

Result<Place> prepare_place(const LibvirtOptions& options) {
    const std::string run = TRY(own_run_folder(options.run_folder));
    std::error_code failed;
    const std::string data = fs::weakly_canonical(options.data_root, failed).string();
    if (failed || data.empty() || data.front() != '/')
        return Error{Errc::invalid, "The hypervisor's data folder must be an absolute path", options.data_root};
    const std::string root = data + "/hypervisor";
    TRY(files::make_folders(root + "/etc"));
    TRY(files::make_folders(root + "/s"));
    TRY(files::make_folders(root + "/log"));
    const std::string link = fmt::format("{}/{:08x}", run, short_name(root));
    TRY(point_link(link, root));
    Place place{
        .uri = options.uri, .sockets = link + "/s", .pids = "", .probes = "", .log_file = root + "/log/libvirt.log"};
    constexpr std::size_t longest_link = 54;  // libvirt appends 53 characters for QEMU's monitor socket; 107 fit
    if (link.size() > longest_link) return Error{Errc::invalid, "The run folder's path is too long", link};
    if (!options.uri.empty()) return place;

    TRY(check_accounts());
    std::string configuration = geteuid() == 0 ? "user = \"+0\"\ngroup = \"+0\"\n" : "";
    configuration += common_configuration;
    const std::string path = root + "/etc/qemu.conf";
    if (files::read_file(path).value_or("") != configuration) TRY(files::replace_file(path, configuration));
    place.uri = "qemu:///embed?root=" + link;
    place.pids = root + "/run/qemu";
    place.probes = root + "/lib/qemu";
    return place;
}

bool kvm_works() {
    if (access("/dev/kvm", R_OK | W_OK) != 0) return false;
    std::ifstream cpus("/proc/cpuinfo");
    for (std::string line; std::getline(cpus, line);) {
        if (!line.starts_with("flags")) continue;
        line += ' ';
        return line.find(" vmx ") != std::string::npos || line.find(" svm ") != std::string::npos;
    }
    return false;
}

}  // namespace corral::drivers::libvirt
