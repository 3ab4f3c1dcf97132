// The one thread that runs libvirt's events. libvirt wants its loop registered once a process, before the first
// connection, and running as long as any machine is watched; it therefore lives until the process ends.
#pragma once

#include <string>

namespace corral::drivers::libvirt {

// Any thread; only the first call acts. libvirt's own log goes to `log_file` instead of standard error.
void ensure_event_loop(const std::string& log_file);

}  // namespace corral::drivers::libvirt
