// The fake hypervisor against the driver suite. Machines are kept in a folder, so that they outlive the driver.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "driver_suite.hpp"
#include "drivers/hypervisor/fake/fake_driver.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::contract {

namespace {

namespace fs = std::filesystem;

class FakeSubject final : public Subject {
public:
    explicit FakeSubject(machines::ChangeListener listener) {
        std::string path = (fs::temp_directory_path() / "corral-fake-XXXXXX").string();
        folder_ = mkdtemp(path.data());
        reopen(std::move(listener));
    }
    ~FakeSubject() override {
        driver_.reset();
        fs::remove_all(folder_);
    }
    machines::Driver& driver() override { return *driver_; }
    void reopen(machines::ChangeListener listener) override {
        driver_.reset();
        driver_ = std::make_unique<drivers::FakeDriver>(
            drivers::FakeOptions{.folder = folder_ + "/state", .allow_host_execution = true});
        driver_->listen(std::move(listener));
    }
    machines::Spec blank(const std::string& name) override {
        machines::Spec spec{.id = crypto::random_uuid(), .name = name};
        spec.home = folder_ + "/" + spec.id;
        spec.disk = spec.home + "/disk.raw";
        spec.disk_format = "raw";
        fs::create_directory(spec.home);
        std::ofstream(spec.disk).close();
        fs::resize_file(spec.disk, 64U << 20U);
        return spec;
    }
    machines::Spec with_guest(const std::string& name) override { return blank(name); }
    machines::Spec clone(const std::string& name, const std::string& base) override {
        machines::Spec spec = blank(name);
        fs::copy_file(base, spec.disk, fs::copy_options::overwrite_existing);
        return spec;
    }
    void vanish(const std::string& id) override { driver_->vanish(id); }
    void crash(const std::string& id) override { driver_->crash(id); }
    std::vector<std::string> leftovers(const std::string& id) override {
        const std::string file = folder_ + "/state/" + id + ".json";
        return fs::exists(file) ? std::vector{file} : std::vector<std::string>{};
    }
    [[nodiscard]] bool is_real() const override { return false; }

private:
    std::string folder_;
    std::unique_ptr<drivers::FakeDriver> driver_;
};

const MakeSubject make{"fake", [](machines::ChangeListener listener) -> std::unique_ptr<Subject> {
                           return std::make_unique<FakeSubject>(std::move(listener));
                       }};

}  // namespace

const auto name_of = [](const auto&) { return "on_fake"; };
INSTANTIATE_TEST_SUITE_P(Fake, DriverSuite, testing::Values(make), name_of);
INSTANTIATE_TEST_SUITE_P(Fake, SnapshotSuite, testing::Values(make), name_of);
INSTANTIATE_TEST_SUITE_P(Fake, GuestSuite, testing::Values(make), name_of);

}  // namespace corral::contract
