#include "drivers/hypervisor/libvirt/event_loop.hpp"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <cstdlib>
#include <mutex>
#include <thread>

#include "base/log.hpp"

namespace corral::drivers::libvirt {

namespace {

void keep_quiet(void*, virErrorPtr) {}  // every caller looks at its own error; the default prints it

void run_events() {
    while (virEventRunDefaultImpl() == 0) {
    }
    log::error("libvirt's event loop ended", {{"detail", virGetLastErrorMessage()}});
}

}  // namespace

void ensure_event_loop(const std::string& log_file) {
    static std::once_flag once;
    std::call_once(once, [&] {
        // The only way to tell libvirt where to log (virlog.c reads it in virInitialize); set before its threads start.
        setenv("LIBVIRT_LOG_OUTPUTS", ("3:file:" + log_file).c_str(), 0);
        virSetErrorFunc(nullptr, keep_quiet);
        if (virInitialize() != 0 || virEventRegisterDefaultImpl() != 0) {
            log::error("libvirt could not be initialised", {{"detail", virGetLastErrorMessage()}});
            return;
        }
        std::thread(run_events).detach();
    });
}

}  // namespace corral::drivers::libvirt
