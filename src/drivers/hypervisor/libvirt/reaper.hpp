// Runs the service below a parent that collects orphaned processes at once. libvirt starts QEMU as a daemon and waits
// until its process is gone; where PID 1 collects orphans slowly (containers, some virtual machines) each stop of a
// machine would take seconds. The parent does nothing but collect and pass signals on.
#pragma once

#include <functional>

namespace corral::drivers::libvirt {

// First thing in main, before any thread: forks. `service` runs in the child; the parent passes SIGTERM, SIGINT,
// SIGHUP, SIGUSR1 and SIGUSR2 on to it. Returns in the parent only, with the service's exit code (128 + signal when one
// ended it), as soon as the service is gone: machines go on running and become PID 1's. When the parent is killed the
// service gets SIGTERM. Where the parent would be PID 1 itself or forking fails, `service` runs right here.
int run_under_reaper(const std::function<int()>& service);

}  // namespace corral::drivers::libvirt
