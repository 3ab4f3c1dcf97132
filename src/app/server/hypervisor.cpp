#include "app/server/hypervisor.hpp"

#include "drivers/hypervisor/fake/fake_driver.hpp"
#include "drivers/hypervisor/libvirt/libvirt_driver.hpp"

namespace corral::app {

Result<std::unique_ptr<machines::Driver>> open_hypervisor(const Config& config, const std::string& data_folder) {
    const std::string& wanted = config.text("HYPERVISOR");
    if (wanted == "fake") {
        auto fake =
            std::make_unique<drivers::FakeDriver>(drivers::FakeOptions{.folder = data_folder + "/hypervisor-fake"});
        return std::unique_ptr<machines::Driver>(std::move(fake));
    }
    if (wanted == "auto" || wanted == "libvirt") {
        auto libvirt = TRY(drivers::LibvirtDriver::open({.data_root = data_folder, .uri = config.text("LIBVIRT_URI")}));
        return std::unique_ptr<machines::Driver>(std::move(libvirt));
    }
    if (wanted == "parallels") return Error{Errc::unavailable, "Parallels Desktop is not driven by this version"};
    return invalid_field("HYPERVISOR", "must be auto, libvirt, parallels or fake");
}

}  // namespace corral::app
