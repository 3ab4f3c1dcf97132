// Records: finding, showing, counting, replacing and removing them.
#include "catalog/service.hpp"

#include "support/catalog_test.hpp"

namespace corral::catalog {
namespace {

using testing_support::caller;
using testing_support::eventually;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

class Records : public CatalogTest {
protected:
    std::vector<std::string> versions(const Caller& who, const std::string& key) {
        std::vector<std::string> out;
        for (const Manifest& m : value_of(catalog_->list(who, key))) out.push_back(m.version + "/" + m.architecture);
        return out;
    }
    Manifest pushed_as(const std::string& id, const std::string& version, const std::string& architecture,
                       unsigned seed = 1) {
        clock_.advance(std::chrono::seconds{1});
        PushRequest wanted = request(id, version, seed);
        wanted.architecture = architecture;
        return pushed(wanted);
    }
    using Texts = std::vector<std::string>;
};

TEST_F(Records, are_listed_in_groups_the_latest_change_first) {
    EXPECT_TRUE(value_of(catalog_->list(root_)).empty());
    pushed("ubuntu", "22");
    pushed("debian", "12");
    pushed("ubuntu", "24");
    const auto groups = value_of(catalog_->list(root_));
    ASSERT_EQ(groups.size(), 2U);
    EXPECT_EQ(groups[0].catalog_id, "UBUNTU");
    ASSERT_EQ(groups[0].manifests.size(), 2U);
    EXPECT_EQ(groups[0].manifests[0].version, "24");
    EXPECT_EQ(groups[0].manifests[1].version, "22");
    EXPECT_EQ(groups[1].catalog_id, "DEBIAN");
}

TEST_F(Records, are_found_by_id_catalog_id_and_name_in_any_case) {
    const Manifest m = pushed("My Ubuntu", "24.04-LTS");
    EXPECT_EQ(m.catalog_id, "MY_UBUNTU");
    EXPECT_EQ(m.version, "24.04-lts");
    EXPECT_EQ(m.name, "my_ubuntu-x86_64-24.04-lts");
    std::string shouted_id = m.id;
    for (char& c : shouted_id) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    for (const std::string& key : {m.id, shouted_id, std::string("my_ubuntu"), std::string("My Ubuntu"), m.name,
                                   std::string("MY_UBUNTU-x86_64-24.04-LTS")}) {
        EXPECT_EQ(value_of(catalog_->list(root_, key)).size(), 1U) << key;
        EXPECT_EQ(value_of(catalog_->list(root_, key, "24.04-LTS")).size(), 1U) << key;
        EXPECT_EQ(value_of(catalog_->get(root_, key, "24.04-lts", "amd64")).id, m.id) << key;
    }
}

TEST_F(Records, that_are_not_there_are_an_empty_list_by_id_and_404_by_version) {
    pushed("ubuntu", "24");
    EXPECT_TRUE(value_of(catalog_->list(root_, "nothing")).empty());
    EXPECT_TRUE(fails_with(Errc::not_found, catalog_->list(root_, "nothing", "24")));
    EXPECT_TRUE(fails_with(Errc::not_found, catalog_->list(root_, "ubuntu", "latest"))) << "a tag is no version here";
    EXPECT_TRUE(fails_with(Errc::not_found, catalog_->get(root_, "ubuntu", "24", "arm64")));
    EXPECT_TRUE(fails_with(Errc::not_found, catalog_->get(root_, "ubuntu", "24", "nonsense")));
    EXPECT_TRUE(fails_with(Errc::not_found, catalog_->get(root_, "ubunt", "24", "x86_64")));
}

TEST_F(Records, are_shown_to_who_holds_one_of_the_roles_and_one_of_the_claims) {
    PushRequest wanted = request("secret", "1");
    wanted.required_roles = {"ops", "BUILD"};
    wanted.required_claims = {"USE_SECRET", "USE_ANY"};
    const Manifest m = pushed(wanted);
    const auto sees = [&](const Caller& who) {
        const bool by_list = !value_of(catalog_->list(who)).empty();
        EXPECT_EQ(!value_of(catalog_->list(who, "secret")).empty(), by_list);
        EXPECT_EQ(catalog_->list(who, "secret", "1").has_value(), by_list);
        EXPECT_EQ(catalog_->get(who, m.id, "1", "x86_64").has_value(), by_list);
        EXPECT_EQ(catalog_->visible(who, m.id).has_value(), by_list);
        EXPECT_EQ(catalog_->download(who, "secret", "1", "x86_64").has_value(), by_list);
        EXPECT_EQ(catalog_->record_for(who, {.catalog_id = "secret", .architecture = "x86_64"}).has_value(), by_list);
        return by_list;
    };
    EXPECT_TRUE(sees(root_));
    EXPECT_TRUE(sees(caller("a", {"USE_ANY"}, {"OPS"})));
    EXPECT_TRUE(sees(caller("a", {"USE_SECRET", "USE_ANY"}, {"BUILD"})));
    EXPECT_FALSE(sees(caller("a", {"USE_ANY"}, {"USER"})));
    EXPECT_FALSE(sees(caller("a", {"OTHER"}, {"OPS"})));
    EXPECT_FALSE(sees(caller("a", {}, {"OPS"})));
    EXPECT_FALSE(sees(caller("a")));
    EXPECT_FALSE(sees(Caller{}));
    EXPECT_TRUE(fails_with(Errc::not_found, catalog_->remove(caller("a"), "secret", "", "", true)));
    EXPECT_TRUE(kept(m.id));
}

TEST_F(Records, are_counted_when_downloaded_and_answered_as_before) {
    const Manifest m = pushed("ubuntu", "24");
    clock_.advance(std::chrono::hours{1});
    EXPECT_EQ(value_of(catalog_->download(caller("ann"), "ubuntu", "24", "x86_64")).download_count, 0);
    const Manifest again = value_of(catalog_->download(root_, "ubuntu", "24", "x86_64"));
    EXPECT_EQ(again.download_count, 1);
    EXPECT_EQ(again.last_downloaded_user, "ann");
    EXPECT_EQ(again.last_downloaded_at, clock_.now());
    EXPECT_EQ(kept(m.id)->download_count, 2);
    EXPECT_EQ(kept(m.id)->updated_at, m.updated_at) << "being read is no change";
}

TEST_F(Records, c14_count_for_their_own_architecture) {
    const Manifest intel = pushed_as("ubuntu", "24", "x86_64", 1);
    const Manifest arm = pushed_as("ubuntu", "24", "aarch64", 2);
    ASSERT_TRUE(ok(catalog_->download(root_, "ubuntu", "24", "arm64")));
    EXPECT_EQ(kept(intel.id)->download_count, 0);
    EXPECT_EQ(kept(arm.id)->download_count, 1);
}

TEST_F(Records, lose_no_count_and_no_push_when_many_download_at_once) {
    pushed("ubuntu", "24", 1);
    std::string newest;
    {
        std::vector<std::jthread> all;
        for (int t = 0; t < 4; ++t)
            all.emplace_back([&] {
                for (int i = 0; i < 20; ++i) EXPECT_TRUE(ok(catalog_->download(root_, "ubuntu", "24", "x86_64")));
            });
        for (unsigned seed = 2; seed < 6; ++seed) newest = pushed("ubuntu", "24", seed).id;
    }
    EXPECT_EQ(kept(newest)->download_count, 80);
    const std::string digest =
        value_of(json::read<PackPointer>(file_in_store("ubuntu/ubuntu-x86_64-24.pdpack"))).digest;
    EXPECT_EQ(kept(newest)->digest, digest) << "the record names the image that was pushed last";
}

TEST_F(Records, that_are_tainted_or_revoked_are_shown_and_not_given_out) {
    const Manifest m = pushed("ubuntu", "24");
    change(m.id, [](Manifest& r) { r.tainted = true; });
    EXPECT_TRUE(ok(catalog_->get(root_, "ubuntu", "24", "x86_64")));
    EXPECT_TRUE(fails_with(Errc::invalid, catalog_->download(root_, "ubuntu", "24", "x86_64")));
    testing_support::TestProgress progress;
    const ImageRequest wanted{.catalog_id = "ubuntu", .architecture = "x86_64"};
    EXPECT_TRUE(fails_with(Errc::invalid, catalog_->image_for(root_, wanted, progress)));
    change(m.id, [](Manifest& r) { r.revoked = true; });
    EXPECT_TRUE(fails_with(Errc::forbidden, catalog_->download(root_, "ubuntu", "24", "x86_64")));
    EXPECT_TRUE(fails_with(Errc::forbidden, catalog_->image_for(root_, wanted, progress)));
    EXPECT_EQ(kept(m.id)->download_count, 0);
}

TEST_F(Records, c19_keep_what_was_counted_and_decided_when_they_are_pushed_again) {
    const Manifest first = pushed("ubuntu", "24", 1);
    ASSERT_TRUE(ok(catalog_->download(caller("ann"), "ubuntu", "24", "x86_64")));
    change(first.id, [](Manifest& m) {
        m.tainted = true;
        m.tainted_by = "bob";
        m.revoked = true;
        m.revoked_by = "eve";
    });
    clock_.advance(std::chrono::hours{1});
    PushRequest again = request("Ubuntu", "24", 2);
    again.description = "newer";
    again.tags = {"stable"};
    const Manifest second = pushed(again);
    EXPECT_EQ(second.id, first.id);
    EXPECT_EQ(second.created_at, first.created_at);
    EXPECT_EQ(second.updated_at, clock_.now());
    EXPECT_EQ(second.description, "newer");
    EXPECT_EQ(second.tags, (Texts{"stable", "latest"}));
    EXPECT_EQ(second.download_count, 1);
    EXPECT_EQ(second.last_downloaded_user, "ann");
    EXPECT_TRUE(second.tainted);
    EXPECT_EQ(second.tainted_by, "bob");
    EXPECT_TRUE(second.revoked);
    EXPECT_EQ(second.revoked_by, "eve");
    EXPECT_NE(kept(first.id)->digest, first.digest) << "the image is the new one";
    EXPECT_EQ(value_of(catalog_->list(root_, "ubuntu")).size(), 1U);
}

TEST_F(Records, the_tag_latest_moves_to_the_version_pushed_last_of_the_same_catalog_id) {
    const Manifest old = pushed_as("ubuntu", "22", "x86_64", 1);
    const Manifest other = pushed_as("debian", "12", "x86_64", 2);
    const Manifest intel = pushed_as("ubuntu", "24", "x86_64", 3);
    const Manifest arm = pushed_as("ubuntu", "24", "arm64", 4);
    EXPECT_EQ(kept(old.id)->tags, Texts{});
    EXPECT_EQ(kept(other.id)->tags, Texts{"latest"});
    EXPECT_EQ(kept(intel.id)->tags, Texts{"latest"}) << "another architecture of the same version keeps it";
    EXPECT_EQ(kept(arm.id)->tags, Texts{"latest"});
    EXPECT_EQ(kept(old.id)->updated_at, old.updated_at) << "the order of lists is that of pushes";
}

TEST_F(Records, cannot_be_taken_over_by_who_may_not_see_them) {
    PushRequest wanted = request("secret", "1");
    wanted.required_claims = {"USE_SECRET"};
    wanted.local_path = folder_ / "usual/disk";
    testing_support::write_at(wanted.local_path, "x", 0, 1U << 20);
    const Manifest mine = pushed(wanted);
    wanted.required_claims = {};
    wanted.connection = connection("usual");
    const Caller eve = known(caller("eve"));
    EXPECT_TRUE(fails_with(Errc::conflict, catalog_->push(eve, wanted)));
    EXPECT_EQ(kept(mine.id)->required_claims, Texts{"USE_SECRET"});
}

TEST_F(Records, c8_a_machine_gets_the_literal_version_before_a_tag_of_that_name) {
    PushRequest tagged = request("ubuntu", "24", 1);
    tagged.tags = {"22", "Stable"};
    pushed(tagged);
    pushed("ubuntu", "22", 2);
    pushed("ubuntu", "26", 3);
    const auto version = [&](const std::string& asked) {
        return value_of(
                   catalog_->record_for(root_, {.catalog_id = "ubuntu", .version = asked, .architecture = "x86_64"}))
            .version;
    };
    EXPECT_EQ(version("22"), "22");
    EXPECT_EQ(version("stable"), "24");
    EXPECT_EQ(version("latest"), "26");
    EXPECT_EQ(version(""), "26");
    EXPECT_TRUE(
        fails_with(Errc::not_found,
                   catalog_->record_for(root_, {.catalog_id = "ubuntu", .version = "25", .architecture = "x86_64"})));
    EXPECT_TRUE(
        fails_with(Errc::not_found,
                   catalog_->record_for(root_, {.catalog_id = "ubuntu", .version = "24", .architecture = "arm64"})))
        << "the architecture asked for, never another";
}

TEST_F(Records, secrets_of_their_place_are_masked_in_answers_and_absent_from_the_stored_document) {
    PushRequest wanted = request("ubuntu", "24");
    wanted.connection += ";password=hunter2hunter2";
    const Manifest m = pushed(wanted);
    const std::string answers = json::to_text(m) + json::to_text(value_of(catalog_->list(root_, "ubuntu"))) +
                                json::to_text(value_of(catalog_->get(root_, m.id, "24", "x86_64"))) +
                                json::to_text(value_of(catalog_->download(root_, m.id, "24", "x86_64")));
    EXPECT_EQ(answers.find("hunter2hunter2"), std::string::npos);
    EXPECT_NE(answers.find("hu****r2"), std::string::npos);
    const std::string filed = file_in_store("ubuntu/ubuntu-x86_64-24.meta");
    EXPECT_EQ(filed.find("hunter2"), std::string::npos);
    EXPECT_EQ(filed.find("provider"), std::string::npos);
    settings_.mask_secrets = false;
    restart();
    EXPECT_EQ(value_of(catalog_->get(root_, m.id, "24", "x86_64")).provider->password, "hunter2hunter2");
}

// ---- removal

TEST_F(Records, c13_removing_takes_exactly_what_was_named_with_its_files_and_chunks) {
    const Manifest intel = pushed_as("ubuntu", "24", "x86_64", 1);
    const Manifest arm = pushed_as("ubuntu", "24", "arm64", 2);
    const Manifest old = pushed_as("ubuntu", "22", "x86_64", 3);
    pushed_as("ubuntu-desktop", "24", "x86_64", 4);
    ASSERT_EQ(images_in(), 4U);
    ASSERT_TRUE(ok(catalog_->remove(root_, "ubuntu", "24", "amd64", true)));
    EXPECT_EQ(versions(root_, "ubuntu"), (Texts{"22/x86_64", "24/arm64"}));
    EXPECT_EQ(images_in(), 3U);
    EXPECT_EQ(value_of(storage().size("ubuntu/" + intel.pack_filename)), std::nullopt);
    EXPECT_EQ(value_of(storage().size("ubuntu/" + intel.metadata_filename)), std::nullopt);
    EXPECT_NE(value_of(storage().size("ubuntu/" + arm.pack_filename)), std::nullopt);
    ASSERT_TRUE(ok(catalog_->remove(root_, "UBUNTU", "24", "", true)));
    EXPECT_EQ(versions(root_, "ubuntu"), Texts{"22/x86_64"});
    ASSERT_TRUE(ok(catalog_->remove(root_, old.id, "", "", true)));
    EXPECT_EQ(versions(root_, "ubuntu"), Texts{});
    EXPECT_EQ(versions(root_, "ubuntu-desktop"), Texts{"24/x86_64"}) << "c1: a prefix is another name";
    EXPECT_EQ(images_in(), 1U);
    EXPECT_TRUE(fails_with(Errc::not_found, catalog_->remove(root_, "ubuntu", "", "", true)));
    EXPECT_TRUE(fails_with(Errc::not_found, catalog_->remove(root_, "ubuntu-desktop", "25", "", true)));
}

TEST_F(Records, removed_without_their_files_leave_those_and_the_image) {
    const Manifest m = pushed("ubuntu", "24");
    ASSERT_TRUE(ok(catalog_->remove(root_, "ubuntu", "", "", false)));
    EXPECT_TRUE(value_of(catalog_->list(root_)).empty());
    EXPECT_NE(value_of(storage().size("ubuntu/" + m.pack_filename)), std::nullopt);
    EXPECT_EQ(images_in(), 1U);
    ASSERT_TRUE(ok(catalog_->tidy()));
    EXPECT_EQ(images_in(), 1U) << "the file still names it";
}

TEST_F(Records, an_image_that_two_records_share_goes_with_the_second) {
    pushed("one", "1", 1);
    PushRequest same = request("two", "1", 1);
    pushed(same);
    ASSERT_EQ(images_in(), 1U);
    ASSERT_TRUE(ok(catalog_->remove(root_, "one", "", "", true)));
    EXPECT_EQ(images_in(), 1U);
    testing_support::TestProgress progress;
    EXPECT_TRUE(ok(catalog_->image_for(root_, {.catalog_id = "two", .architecture = "x86_64"}, progress)));
    ASSERT_TRUE(ok(catalog_->remove(root_, "two", "", "", true)));
    EXPECT_EQ(images_in(), 0U);
}

TEST_F(Records, a_replaced_image_is_garbage_that_the_next_tidying_removes) {
    pushed("ubuntu", "24", 1);
    pushed("ubuntu", "24", 2);
    EXPECT_EQ(images_in(), 2U);
    ASSERT_TRUE(ok(catalog_->tidy()));
    EXPECT_EQ(images_in(), 1U);
}

TEST_F(Records, two_ways_of_writing_one_place_are_one_store) {
    std::filesystem::create_directory_symlink(folder_ / "elsewhere", folder_ / "link");
    std::filesystem::create_directory(folder_ / "elsewhere");
    PushRequest plain = request("plain", "1", 1);
    plain.connection = connection("elsewhere");
    PushRequest slash = request("slash", "1", 2);
    slash.connection = connection("elsewhere/");
    PushRequest link = request("link", "1", 3);
    link.connection = connection("link");
    for (const PushRequest& wanted : {plain, slash, link}) pushed(wanted);
    ASSERT_TRUE(ok(catalog_->remove(root_, "plain", "", "", true)));
    testing_support::TestProgress progress;
    for (const char* id : {"slash", "link"})
        EXPECT_TRUE(ok(catalog_->image_for(root_, {.catalog_id = id, .architecture = "x86_64"}, progress)))
            << "the removal must not take the images of the others";
    EXPECT_EQ(images_in("elsewhere"), 2U);
}

TEST_F(Records, the_last_record_of_another_place_gives_its_chunks_back) {
    PushRequest wanted = request("far", "1");
    wanted.connection = connection("far");
    pushed(wanted);
    ASSERT_EQ(images_in("far"), 1U);
    ASSERT_TRUE(ok(catalog_->remove(root_, "far", "", "", true)));
    EXPECT_EQ(images_in("far"), 0U);
    EXPECT_TRUE(value_of(storage("far").list("")).empty());
}

TEST_F(Records, a_removal_that_the_storage_cut_off_can_be_asked_for_again) {
    for (int call = 1;; ++call) {
        SCOPED_TRACE(call);
        const Manifest m = pushed("ubuntu", "24");
        storage().fail_at(call);
        const auto first = catalog_->remove(root_, "ubuntu", "", "", true);
        const bool failed = storage().has_failed();
        storage().never_fail();
        if (!first) {
            EXPECT_TRUE(kept(m.id)) << "what was refused is still there to be asked for";
            ASSERT_TRUE(ok(catalog_->remove(root_, "ubuntu", "", "", true)));
        }
        ASSERT_TRUE(ok(catalog_->tidy()));
        EXPECT_EQ(images_in(), 0U);
        for (const auto& object : value_of(storage().list(""))) ADD_FAILURE() << object.key << " is left";
        if (!failed) break;
    }
}

}  // namespace
}  // namespace corral::catalog
