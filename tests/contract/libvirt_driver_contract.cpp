// The libvirt driver against the driver suite, with QEMU and the test guest. libvirt's embedded driver takes one folder
// and a few openings a process (it registers its drivers anew each time), so all tests share one open driver.
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "driver_suite.hpp"
#include "drivers/hypervisor/libvirt/libvirt_driver.hpp"
#include "drivers/hypervisor/libvirt/reaper.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/process/process.hpp"

namespace corral::contract {

namespace {

namespace fs = std::filesystem;

std::string run(std::vector<std::string> argv) {
    auto done = process::run({.argv = std::move(argv)});
    if (!done || done->exit_code != 0) {
        ADD_FAILURE() << (done ? done->err : done.error().message + ": " + done.error().detail);
        return "";
    }
    return done->out.substr(0, done->out.find_last_not_of('\n') + 1);
}

// The folder of this program's hypervisor; gone with everything in it when the program ends.
class Place : public testing::Environment {
public:
    void SetUp() override {
        std::string path = "/tmp/corral-libvirt-XXXXXX";
        folder = mkdtemp(path.data());
        guest_image = run({CORRAL_MAKE_GUEST, CORRAL_GUEST_FOLDER});
        ASSERT_FALSE(guest_image.empty());
    }
    void TearDown() override;
    static std::vector<std::string> qemu_processes(const std::string& mention) {
        std::vector<std::string> found;
        for (const auto& entry : fs::directory_iterator("/proc")) {
            std::ifstream file(entry.path() / "cmdline", std::ios::binary);
            const std::string line(std::istreambuf_iterator<char>(file), {});
            if (line.starts_with("/usr/bin/qemu-system") && line.find(mention) != std::string::npos)
                found.push_back(entry.path().filename().string());
        }
        return found;
    }
    std::string folder;
    std::string guest_image;
};
Place* place = nullptr;  // owned by GoogleTest
std::unique_ptr<drivers::LibvirtDriver> shared;

void Place::TearDown() {
    shared.reset();
    EXPECT_EQ(qemu_processes(folder), std::vector<std::string>{});
    fs::remove_all(folder);
}

class LibvirtSubject final : public Subject {
public:
    explicit LibvirtSubject(machines::ChangeListener listener) { attach(std::move(listener)); }
    machines::Driver& driver() override { return *shared; }
    void reopen(machines::ChangeListener listener) override {
        shared.reset();
        attach(std::move(listener));
    }
    machines::Spec blank(const std::string& name) override {
        machines::Spec spec = homed(name);
        spec.memory_mib = 32;
        run({"qemu-img", "create", "-q", "-f", "qcow2", spec.disk, "64M"});
        return spec;
    }
    machines::Spec with_guest(const std::string& name) override {
        machines::Spec spec = homed(name);
        spec.memory_mib = 128;
        run({"qemu-img", "create", "-q", "-f", "qcow2", "-b", place->guest_image, "-F", "qcow2", spec.disk});
        return spec;
    }
    machines::Spec clone(const std::string& name, const std::string& base) override {
        machines::Spec spec = homed(name);
        spec.memory_mib = 128;
        fs::create_hard_link(base, spec.home + "/base.qcow2");
        run({"qemu-img", "create", "-q", "-f", "qcow2", "-b", spec.home + "/base.qcow2", "-F", "qcow2", spec.disk});
        return spec;
    }
    void vanish(const std::string& id) override {
        with_domain(id, [](virDomainPtr domain) {
            virDomainDestroy(domain);
            EXPECT_EQ(virDomainUndefine(domain), 0) << virGetLastErrorMessage();
        });
    }
    void crash(const std::string& id) override {
        for (const std::string& pid : Place::qemu_processes(id)) kill(std::stoi(pid), SIGKILL);
    }
    std::vector<std::string> leftovers(const std::string& id) override {
        std::vector<std::string> found = Place::qemu_processes(id);
        for (const auto& entry : fs::recursive_directory_iterator(place->folder + "/hypervisor"))
            if (entry.path().filename().string().find(id) != std::string::npos && entry.path().extension() != ".log")
                found.push_back(entry.path().string());
        return found;
    }
    [[nodiscard]] bool is_real() const override { return true; }

private:
    static void attach(machines::ChangeListener listener) {
        if (!shared) {
            auto opened =
                drivers::LibvirtDriver::open({.data_root = place->folder, .run_folder = place->folder + "/r"});
            ASSERT_TRUE(opened) << opened.error().message << ": " << opened.error().detail;
            shared = *std::move(opened);
        }
        shared->listen(std::move(listener));
    }
    static machines::Spec homed(const std::string& name) {
        machines::Spec spec{.id = crypto::random_uuid(), .name = name};
        spec.home = place->folder + "/machines/" + spec.id;
        spec.disk = spec.home + "/disk.qcow2";
        fs::create_directories(spec.home);
        return spec;
    }
    // Somebody else's connection to the same hypervisor.
    template <class F>
    void with_domain(const std::string& id, F&& act) {
        std::string uri;
        for (const auto& entry : fs::directory_iterator(place->folder + "/r"))
            uri = "qemu:///embed?root=" + entry.path().string();
        virConnectPtr connection = virConnectOpen(uri.c_str());
        ASSERT_NE(connection, nullptr) << virGetLastErrorMessage();
        virDomainPtr domain = virDomainLookupByUUIDString(connection, id.c_str());
        ASSERT_NE(domain, nullptr) << virGetLastErrorMessage();
        act(domain);
        virDomainFree(domain);
        virConnectClose(connection);
    }
};

const MakeSubject make{"libvirt", [](machines::ChangeListener listener) -> std::unique_ptr<Subject> {
                           return std::make_unique<LibvirtSubject>(std::move(listener));
                       }};

}  // namespace

const auto name_of = [](const auto&) { return "on_libvirt"; };
INSTANTIATE_TEST_SUITE_P(Libvirt, DriverSuite, testing::Values(make), name_of);
INSTANTIATE_TEST_SUITE_P(Libvirt, SnapshotSuite, testing::Values(make), name_of);
INSTANTIATE_TEST_SUITE_P(Libvirt, GuestSuite, testing::Values(make), name_of);
INSTANTIATE_TEST_SUITE_P(Libvirt, RealDriverSuite, testing::Values(make), name_of);
INSTANTIATE_TEST_SUITE_P(Libvirt, RealGuestSuite, testing::Values(make), name_of);

void prepare() { place = static_cast<Place*>(testing::AddGlobalTestEnvironment(new Place)); }

}  // namespace corral::contract

int main(int argc, char** argv) {
    return corral::drivers::libvirt::run_under_reaper([&] {
        testing::InitGoogleTest(&argc, argv);
        corral::contract::prepare();
        return RUN_ALL_TESTS();
    });
}
