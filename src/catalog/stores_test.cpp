// One opened store a place, and the uploads that crashes leave in the work folder.
#include "catalog/stores.hpp"

#include "base/temp_folder.hpp"
#include "drivers/storage/local/local_storage.hpp"
#include "support/disks.hpp"
#include "support/testing.hpp"

namespace corral::catalog {
namespace {

using testing_support::ok;
using testing_support::value_of;

class StoresTest : public testing::Test {
protected:
    [[nodiscard]] std::string place(const std::string& name) const {
        return "provider=local-storage;catalog_path=" + folder_ / name;
    }
    // A session with one file in it, in the work folder of the store at `name`.
    std::string session(const std::string& name, const std::string& id) {
        auto* store = value_of(stores_.open(place(name)));
        auto upload = value_of(store->chunks->upload(id));
        const std::string raw = testing_support::noise(1000, 1);
        EXPECT_TRUE(ok(upload->upload(chunks::encode_frame({{chunks::id_of(raw), raw}}, 1))));
        for (const auto& entry : std::filesystem::directory_iterator(folder_ / "work"))
            if (files::exists(entry.path() / id)) return entry.path() / id;
        return {};
    }

    TempFolder folder_;
    Stores stores_{
        [](const Provider& provider) -> Result<std::unique_ptr<Storage>> {
            return std::unique_ptr<Storage>(TRY(drivers::LocalStorage::open(provider.meta.at("catalog_path"))));
        },
        folder_ / "work"};
};

TEST_F(StoresTest, a_sweep_drops_the_uploads_that_are_named_and_half_made_conversions) {
    const std::string kept = session("a", "kept");
    const std::string dropped = session("a", "dropped");
    const std::string elsewhere = session("b", "dropped");
    testing_support::write_at(folder_ / "work/convert-1.raw", "half", 0, 0);
    std::set<std::string> asked;
    EXPECT_TRUE(ok(stores_.sweep([&](const std::string& id) -> Result<bool> {
        asked.insert(id);
        return id == "dropped";
    })));
    EXPECT_EQ(asked, (std::set<std::string>{"dropped", "kept"}));
    EXPECT_TRUE(files::exists(kept));
    EXPECT_FALSE(files::exists(dropped));
    EXPECT_FALSE(files::exists(elsewhere));
    EXPECT_FALSE(files::exists(folder_ / "work/convert-1.raw"));
}

TEST_F(StoresTest, a_sweep_that_cannot_tell_drops_nothing) {
    const std::string unknown = session("a", "unknown");
    EXPECT_FALSE(stores_.sweep(
        [](const std::string&) -> Result<bool> { return Error{Errc::unavailable, "The database is away"}; }));
    EXPECT_TRUE(files::exists(unknown));
}

TEST_F(StoresTest, an_upload_is_abandoned_in_whatever_store_it_is) {
    const std::string mine = session("b", "mine");
    const std::string other = session("b", "other");
    EXPECT_TRUE(ok(stores_.abandon("mine")));
    EXPECT_FALSE(files::exists(mine));
    EXPECT_TRUE(files::exists(other));
    EXPECT_TRUE(ok(stores_.abandon("mine"))) << "there is nothing left to do";
}

}  // namespace
}  // namespace corral::catalog
