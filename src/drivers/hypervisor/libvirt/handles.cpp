#include "drivers/hypervisor/libvirt/handles.hpp"

#include <array>

#include "drivers/hypervisor/power_table.hpp"

namespace corral::drivers::libvirt {

Error last_error(std::string what) {
    const virErrorPtr error = virGetLastError();
    if (error == nullptr) return Error{Errc::upstream, std::move(what)};
    std::string detail = error->message != nullptr ? error->message : "";
    switch (error->code) {
        case VIR_ERR_NO_DOMAIN: return Error{Errc::not_found, "There is no such machine", std::move(detail)};
        case VIR_ERR_NO_DOMAIN_SNAPSHOT: return Error{Errc::not_found, "There is no such snapshot", std::move(detail)};
        case VIR_ERR_AGENT_UNRESPONSIVE:
        case VIR_ERR_AGENT_UNSYNCED:
            return Error{Errc::unavailable, "The guest's agent does not answer", std::move(detail)};
        case VIR_ERR_OPERATION_TIMEOUT:
            return Error{Errc::busy, "Another operation on this machine takes long", std::move(detail)};
        default: return Error{Errc::upstream, std::move(what), std::move(detail)};
    }
}

bool last_error_is(int libvirt_code) {
    const virErrorPtr error = virGetLastError();
    return error != nullptr && error->code == libvirt_code;
}

std::string id_of(virDomainPtr domain) {
    std::array<char, VIR_UUID_STRING_BUFLEN> text{};
    return virDomainGetUUIDString(domain, text.data()) == 0 ? text.data() : "";
}

Result<Domain> find_domain(virConnectPtr connection, const std::string& id) {
    Domain domain{virDomainLookupByUUIDString(connection, id.c_str())};
    if (domain) return domain;
    if (last_error_is(VIR_ERR_INVALID_ARG)) return unknown_machine(id);  // no UUID at all
    return last_error("The hypervisor does not answer");
}

}  // namespace corral::drivers::libvirt
