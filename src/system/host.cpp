#include "system/host.hpp"

#include <sys/utsname.h>

#include <fstream>
#include <set>
#include <sstream>
#include <thread>

namespace corral::system {

namespace {

// These files are the kernel's (proc(5), sysfs(5)) and small; an absent one leaves the fact empty.
std::string first_line(const char* path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

std::string after(const std::string& line, char separator) {
    const auto at = line.find(separator);
    if (at == std::string::npos) return "";
    std::string out = line.substr(at + 1);
    out.erase(0, out.find_first_not_of(" \t"));
    if (out.size() >= 2 && out.front() == '"' && out.back() == '"') out = out.substr(1, out.size() - 2);
    return out;
}

void read_processors(Host& out) {
    std::ifstream file("/proc/cpuinfo");
    std::set<std::string> sockets;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("model name") && out.cpu_brand.empty()) out.cpu_brand = after(line, ':');
        if (line.starts_with("physical id")) sockets.insert(after(line, ':'));
    }
    if (!sockets.empty()) out.sockets = static_cast<int>(sockets.size());
    out.processors = static_cast<int>(std::thread::hardware_concurrency());
}

void read_memory(Host& out) {
    std::ifstream file("/proc/meminfo");
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with("MemTotal:")) continue;
        std::istringstream words(after(line, ':'));
        double kib = 0;
        words >> kib;
        out.memory_mib = kib / 1024;
    }
}

void read_system(Host& out) {
    std::ifstream file("/etc/os-release");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("PRETTY_NAME=")) out.os_name = after(line, '=');
        if (line.starts_with("VERSION_ID=")) out.os_version = after(line, '=');
    }
}

}  // namespace

Host host() {
    Host out;
    utsname kernel{};
    if (uname(&kernel) == 0) {
        out.architecture = kernel.machine;
        out.os_name = kernel.sysname;
        out.os_version = kernel.release;
    }
    read_system(out);
    read_processors(out);
    read_memory(out);
    out.id = first_line("/sys/class/dmi/id/product_uuid");
    if (out.id.empty()) out.id = first_line("/etc/machine-id");
    return out;
}

}  // namespace corral::system
