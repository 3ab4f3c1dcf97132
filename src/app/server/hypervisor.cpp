#include "app/server/hypervisor.hpp"

#include "drivers/hypervisor/fake/fake_driver.hpp"
#include "drivers/hypervisor/libvirt/libvirt_driver.hpp"
#include "platform/process/process.hpp"

namespace corral::app {

Result<std::unique_ptr<machines::Driver>> open_hypervisor(const Config& config, const std::string& data_folder) {
    const std::string& wanted = config.text("HYPERVISOR");
    if (wanted == "fake") {
        auto fake =
            std::make_unique<drivers::FakeDriver>(drivers::FakeOptions{.folder = data_folder + "/hypervisor-fake"});
        return std::unique_ptr<machines::Driver>(std::move(fake));
    }
    // A host of Parallels Desktop keeps its machines there: another hypervisor beside it is for its owner to choose.
    if (wanted == "parallels" || (wanted == "auto" && process::find_program("prlctl")))
        return Error{Errc::unavailable,
                     "This version does not drive Parallels Desktop; HYPERVISOR=libvirt runs machines through QEMU"};
    if (wanted == "auto" || wanted == "libvirt") {
        auto libvirt = TRY(drivers::LibvirtDriver::open({.data_root = data_folder, .uri = config.text("LIBVIRT_URI")}));
        return std::unique_ptr<machines::Driver>(std::move(libvirt));
    }
    return invalid_field("HYPERVISOR", "must be auto, libvirt, parallels or fake");
}

}  // namespace corral::app
