// Owned libvirt objects and the way from libvirt's errors to ours. Values; a handle may move between threads.
#pragma once

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "base/error.hpp"

namespace corral::drivers::libvirt {

struct Close {
    void operator()(virConnectPtr p) const { virConnectClose(p); }
    void operator()(virDomainPtr p) const { virDomainFree(p); }
    void operator()(virDomainSnapshotPtr p) const { virDomainSnapshotFree(p); }
    void operator()(char* p) const { std::free(p); }
};
using Connection = std::unique_ptr<virConnect, Close>;
using Domain = std::unique_ptr<virDomain, Close>;
using SnapshotHandle = std::unique_ptr<virDomainSnapshot, Close>;
using Text = std::unique_ptr<char, Close>;

// What this thread's last libvirt call complained about. `what` is the sentence for the user when the fault has no
// meaning of its own (a vanished machine is not_found, a silent agent unavailable).
Error last_error(std::string what);
bool last_error_is(int libvirt_code);

std::string id_of(virDomainPtr);  // the UUID as lower-case text
Result<Domain> find_domain(virConnectPtr, const std::string& id);

}  // namespace corral::drivers::libvirt
