// Configuration files: every one is taken or refused with a reason, and secrets stay hidden either way.
#include "app/server/config.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "fuzz.hpp"

void one(std::string_view input) {
    using namespace corral::app;
    const int fd = ::memfd_create("config", MFD_CLOEXEC);
    must(fd >= 0 && ::write(fd, input.data(), input.size()) == static_cast<ssize_t>(input.size()), "there is a file");
    const auto config = Config::load({"--config=/proc/self/fd/" + std::to_string(fd)});
    ::close(fd);
    if (!config) return must(!config.error().message.empty(), "a refusal has a reason");
    const std::string shown = config->print();
    for (const Key& key : keys()) {
        if (!key.secret || !config->is_set(key.name)) continue;
        const std::string value = config->secret(key.name).reveal();
        if (value.size() > 12) must(shown.find(value) == std::string::npos, "secrets are not printed");
    }
}
