// What a disk image may make the service read.
#include "catalog/chunks/disk_reader.hpp"

#include "base/temp_folder.hpp"
#include "platform/process/process.hpp"
#include "support/results.hpp"

namespace corral::catalog::chunks {
namespace {

using testing_support::ok;
using testing_support::value_of;

class DiskImage : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(ok(files::replace_file(folder_.path() + "/secret.raw", std::string(1U << 20U, 's'))));
    }
    std::string make(const std::string& name, const std::vector<std::string>& options) {
        std::string path = folder_.path() + "/" + name;
        std::vector<std::string> argv{"qemu-img", "create", "-q", "-f", "qcow2"};
        argv.insert(argv.end(), options.begin(), options.end());
        argv.insert(argv.end(), {path, "1M"});
        const auto made = value_of(process::run({.argv = argv}));
        EXPECT_EQ(made.exit_code, 0) << made.err;
        return path;
    }
    Result<std::unique_ptr<DiskReader>> open(const std::string& path, OtherFiles others) {
        return DiskReader::open(path, folder_.path(), others);
    }
    TempFolder folder_;
};

TEST_F(DiskImage, of_somebody_elses_choice_cannot_reach_another_file) {
    const std::string secret = folder_.path() + "/secret.raw";
    const std::string overlay = make("overlay.qcow2", {"-b", secret, "-F", "raw"});
    const std::string external = make("external.qcow2", {"-o", "data_file=" + folder_.path() + "/data"});
    for (const std::string& image : {overlay, external}) {
        const auto refused = open(image, OtherFiles::refuse);
        ASSERT_FALSE(refused) << image;
        EXPECT_EQ(refused.error().code, Errc::invalid);
    }
}

TEST_F(DiskImage, of_our_own_is_read_through_its_layers) {
    const std::string overlay = make("overlay.qcow2", {"-b", folder_.path() + "/secret.raw", "-F", "raw"});
    const auto reader = value_of(open(overlay, OtherFiles::follow));
    std::string first(16, '\0');
    ASSERT_TRUE(ok(reader->read(0, first.data(), first.size())));
    EXPECT_EQ(first, std::string(16, 's'));
}

TEST_F(DiskImage, that_stands_alone_is_taken_from_anybody) {
    for (const char* compat : {"compat=0.10", "compat=1.1"})
        EXPECT_TRUE(ok(open(make(compat, {"-o", compat}), OtherFiles::refuse))) << compat;
}

TEST_F(DiskImage, that_is_cut_off_is_refused) {
    const std::string path = folder_.path() + "/cut.qcow2";
    ASSERT_TRUE(ok(files::replace_file(path, std::string("QFI\xfb\0\0\0\3", 8))));
    EXPECT_FALSE(open(path, OtherFiles::refuse));
    EXPECT_FALSE(open(path, OtherFiles::follow));
}

}  // namespace
}  // namespace corral::catalog::chunks
