// What libvirt does not mend by itself when the service was killed in the middle of a start, a suspend or a snapshot.
// Free functions, called once while the hypervisor is opened.
#pragma once

#include <string>

#include "drivers/hypervisor/libvirt/handles.hpp"

namespace corral::drivers::libvirt {

// Before libvirt is opened. `folder` is where it notes the machines that run. One noted before its process was there is
// shown as starting for ever and obeys no verb; nothing of it exists yet, so the note goes. Fine when the folder is
// absent; leaves a folder alone that another process works with.
Result<void> forget_unborn(const std::string& folder);

// Before libvirt is opened. libvirt asks a QEMU without a machine what it can do; when the service is killed meanwhile,
// that QEMU idles on. Ends those whose folders (qmp-XXXXXX, named in their arguments) are below `folder`, and removes
// the folders. `pids` as in forget_unborn(): nothing is done while another process works there.
Result<void> end_orphaned_probes(const std::string& folder, const std::string& pids);

// After libvirt was opened. A machine that runs has no saved memory: an image is of a suspend or a wake that was cut
// off. Woken from it later, the guest would go on with a disk that others of its own writes have changed.
void drop_stale_memory(virDomainPtr domain);

// After libvirt was opened. A machine is halted while its memory is written; when that was for a snapshot that was cut
// off, libvirt leaves it so. It goes on. One that was halted before stays halted: its reason is another.
void go_on_after_snapshot(virDomainPtr domain);

}  // namespace corral::drivers::libvirt
