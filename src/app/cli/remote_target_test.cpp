#include "app/cli/remote_target.hpp"

#include <gtest/gtest.h>

#include "support/canned_api.hpp"

namespace corral::cli {
namespace {

using testing_support::CannedApi;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

class RemoteTargetTest : public testing::Test {
protected:
    void SetUp() override { api_.answer("POST /catalog/transfer/uploads", R"({"id":"up 1"})"); }
    static std::vector<catalog::chunks::ChunkId> ids(std::size_t count) {
        std::vector<catalog::chunks::ChunkId> out;
        for (std::size_t i = 0; i < count; ++i) out.push_back(catalog::chunks::id_of(std::to_string(i)));
        return out;
    }
    RemoteTarget begin() {
        return value_of(RemoteTarget::begin(client_, {.catalog_id = "debian", .version = "12", .tags = {"ci"}}));
    }
    CannedApi api_;
    Client client_{{.url = api_.url(), .token = Secret(std::string("tok")), .api_key = {}}};
};

TEST_F(RemoteTargetTest, begins_with_the_record_that_is_to_be) {
    (void)begin();
    const auto sent = value_of(json::parse(api_.asked().at(0).body));
    EXPECT_EQ(sent.at("catalog_id").as_string(), "debian");
    EXPECT_EQ(sent.at("version").as_string(), "12");
    EXPECT_EQ(json::serialize(sent.at("tags")), R"(["ci"])");
}

TEST_F(RemoteTargetTest, offers_ids_in_parts_that_the_server_takes_and_keeps_their_order) {
    RemoteTarget target = begin();
    std::string first(4096, '\0');
    first[1] = 1;
    api_.answer("POST /catalog/transfer/uploads/up%201/offer", first);
    api_.answer("POST /catalog/transfer/uploads/up%201/offer", std::string("\1\0", 2));
    const auto all = ids(4098);
    const auto missing = value_of(target.missing(all));
    ASSERT_EQ(missing.size(), 4098U);
    EXPECT_FALSE(missing[0]);
    EXPECT_TRUE(missing[1]);
    EXPECT_TRUE(missing[4096]);
    EXPECT_FALSE(missing[4097]);
    const auto asked = api_.asked();
    ASSERT_EQ(asked.size(), 3U);
    auto offered = value_of(catalog::decode_ids(asked[1].body));
    const auto rest = value_of(catalog::decode_ids(asked[2].body));
    offered.insert(offered.end(), rest.begin(), rest.end());
    EXPECT_EQ(offered, all);
    EXPECT_TRUE(value_of(target.missing({})).empty());
    EXPECT_EQ(api_.asked().size(), 3U) << "nothing to offer is nothing to ask";
}

TEST_F(RemoteTargetTest, an_answer_of_another_length_is_not_guessed_at) {
    RemoteTarget target = begin();
    api_.answer("POST /catalog/transfer/uploads/up%201/offer", "\1");
    EXPECT_TRUE(fails_with(Errc::upstream, target.missing(ids(2))));
}

TEST_F(RemoteTargetTest, what_the_server_refuses_is_told_as_it_said) {
    RemoteTarget target = begin();
    api_.answer("PUT /catalog/transfer/uploads/up%201/frames", R"({"message":"A frame is damaged","code":400})", 400);
    const auto sent = target.upload("frame");
    EXPECT_TRUE(fails_with(Errc::invalid, sent));
    EXPECT_EQ(sent.error().message, "A frame is damaged");
    EXPECT_EQ(api_.asked().back().body, "frame");
}

TEST_F(RemoteTargetTest, commits_once_and_keeps_the_record) {
    RemoteTarget target = begin();
    const catalog::chunks::FinishedImage image{.index = "the index", .segments = {"one", "two"}};
    EXPECT_TRUE(fails_with(Errc::not_found, target.commit(image)));
    EXPECT_EQ(target.record(), "");
    api_.answer("POST /catalog/transfer/uploads/up%201/commit", R"({"id":"r1"})");
    EXPECT_EQ(value_of(target.commit(image)), catalog::chunks::digest_of("the index"));
    EXPECT_EQ(target.record(), R"({"id":"r1"})");
    const auto sent = value_of(catalog::decode_image(api_.asked().back().body));
    EXPECT_EQ(sent.index, image.index);
    EXPECT_EQ(sent.segments, image.segments);
}

}  // namespace
}  // namespace corral::cli
