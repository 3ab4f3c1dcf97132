// Facts about the computer we run on, read when asked. Free functions; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.hpp"

namespace corral::system {

struct Host {
    std::string architecture;  // as `uname -m` prints it
    std::string cpu_brand;
    std::string os_name;     // PRETTY_NAME of os-release(5)
    std::string os_version;  // VERSION_ID of os-release(5), else the kernel's release
    std::string id;          // stays the same across restarts: the hardware's UUID, else machine-id(5)
    int sockets = 1;
    int processors = 1;     // logical
    double memory_mib = 0;  // of RAM
};
Host host();

}  // namespace corral::system
