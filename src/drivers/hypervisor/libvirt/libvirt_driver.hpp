// Machines on this host through libvirt and QEMU. By default libvirt runs inside this process ("embedded") with all of
// its state below one folder: no daemon is needed, the VMs outlive the process and are found again by the next one that
// opens the folder; one process at a time may. As root the account and the group `libvirt-qemu` must exist (libvirt
// looks them up, QEMU does not run as them).
// Thread-safe. Changes are told on the driver's own thread.
#pragma once

#include <memory>
#include <string>

#include "machines/driver.hpp"

namespace corral::drivers {

struct LibvirtOptions {
    std::string data_root;  // absolute; the hypervisor's state goes to <data_root>/hypervisor
    std::string uri;        // another libvirt than the embedded one, such as qemu:///system
    // Short folder for sockets and for the link that keeps their paths within the 107 characters of a UNIX socket.
    // Empty: /run/corral as root, /tmp/corral-<uid> otherwise. Only this account may be able to write there.
    std::string run_folder;
};

class LibvirtDriver final : public machines::Driver {
public:
    // Errc::unavailable: something is not installed, the sentence names it. Errc::conflict: another process has the
    // folder.
    static Result<std::unique_ptr<LibvirtDriver>> open(const LibvirtOptions&);
    ~LibvirtDriver() override;
    LibvirtDriver(const LibvirtDriver&) = delete;
    LibvirtDriver& operator=(const LibvirtDriver&) = delete;

    [[nodiscard]] machines::DriverInfo info() const override;
    Result<std::vector<machines::Observed>> list() override;
    Result<machines::Observed> observe(const std::string& id) override;
    Result<machines::Observed> create(const machines::Spec&, const machines::Op&) override;
    Result<void> power(const std::string& id, machines::PowerAction, const machines::Op&) override;
    Result<void> destroy(const std::string& id, const machines::Op&) override;
    Result<machines::Observed> change(const std::string& id, const machines::Changes&, const machines::Op&) override;
    Result<std::string> freeze_disk_for_clone(const std::string& id, const machines::Op&) override;
    void listen(machines::ChangeListener) override;
    machines::GuestAccess* guest() override;
    machines::Snapshots* snapshots() override;

    struct State;

private:
    explicit LibvirtDriver(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace corral::drivers
