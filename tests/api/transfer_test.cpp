// The transfer API attacked: by those who may not see an image, with bytes that are not what they claim to be, and in
// the middle of everything.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "app/cli/remote_target.hpp"
#include "catalog/store.hpp"
#include "images.hpp"

namespace corral::tests {
namespace {

using catalog::chunks::ChunkId;

const Ask binary{.content_type = "application/octet-stream"};
Ask binary_as(const std::string& who) { return {.as = who, .headers = {}, .content_type = "application/octet-stream"}; }

std::string chunk(unsigned seed) { return noise(catalog::chunks::chunk_size, seed); }
ChunkId id_of(unsigned seed) { return catalog::chunks::id_of(chunk(seed)); }

std::string frame_of(const std::vector<std::string>& raw) {
    std::vector<catalog::chunks::RawChunk> chunks;
    for (const auto& one : raw) chunks.push_back({catalog::chunks::id_of(one), one});
    return catalog::chunks::encode_frame(chunks, 3);
}

// An image of one disk with these chunks in a row.
catalog::chunks::FinishedImage image_of(const std::vector<ChunkId>& ids) {
    catalog::chunks::Segment segment;
    for (const ChunkId& id : ids) segment.places.push_back({static_cast<std::uint32_t>(segment.places.size()), id});
    catalog::chunks::FinishedImage out;
    out.segments.push_back(catalog::chunks::encode_segment(segment));
    catalog::chunks::ImageIndex index;
    index.entries.push_back({"disk.raw",
                             "disk",
                             0600,
                             ids.size() * catalog::chunks::chunk_size,
                             {{0, catalog::chunks::digest_of(out.segments.front())}}});
    out.index = catalog::chunks::encode_index(index);
    return out;
}

class Transfer : public testing::Test {
protected:
    Server server{{.accounts = {{.name = "thief",
                                 .claims = {"PULL_CATALOG_MANIFEST", "PUSH_CATALOG_MANIFEST", "LIST_CATALOG_MANIFEST"},
                                 .roles = {}},
                                {.name = "member", .claims = {"PULL_CATALOG_MANIFEST", "LAB"}, .roles = {}}}}};

    // Pushes frames as they are given, and commits; the record's id.
    std::string publish(const std::string& name, const std::vector<std::string>& frames,
                        const std::vector<ChunkId>& ids, const std::string& as = "root",
                        const std::vector<std::string>& claims = {}) {
        const std::string upload = begin(name, as, claims);
        for (const std::string& frame : frames)
            EXPECT_EQ(server.put(upload + "/frames", frame, binary_as(as)).status, 202);
        const auto record = server.post(upload + "/commit", catalog::encode_image(image_of(ids)), binary_as(as));
        EXPECT_EQ(record.status, 200) << record.body;
        return record.at("/id");
    }
    std::string begin(const std::string& name, const std::string& as = "root",
                      const std::vector<std::string>& claims = {}) {
        const catalog::BeginUpload request{.catalog_id = name, .version = "1", .required_claims = claims};
        const auto begun = server.post("/v1/catalog/transfer/uploads", json::to_text(request), {.as = as});
        EXPECT_EQ(begun.status, 201) << begun.body;
        return "/v1/catalog/transfer/uploads/" + begun.at("/id");
    }
    static std::string of(const std::string& record) { return "/v1/catalog/transfer/manifests/" + record; }
    Answer frames(const std::string& record, const std::vector<ChunkId>& ids, const std::string& as) {
        return server.post(of(record) + "/frames", catalog::encode_ids(ids), binary_as(as));
    }
    // Every chunk that came with an answer.
    static std::vector<ChunkId> chunks_in(const Answer& answer) {
        std::vector<ChunkId> out;
        for (const std::string& frame : must(catalog::split_frames(answer.body))) {
            must(catalog::chunks::decode_frame(frame));
            const auto head = must(catalog::chunks::read_frame_head(frame));
            out.insert(out.end(), head.ids.begin(), head.ids.end());
        }
        std::ranges::sort(out);
        return out;
    }
};

TEST_F(Transfer, who_may_pull_a_record_reads_its_image) {
    const std::string record =
        publish("open", {frame_of({chunk(1), chunk(2)}), frame_of({chunk(3)})}, {id_of(1), id_of(2), id_of(3)});
    const auto index = must(catalog::chunks::decode_index(server.get(of(record) + "/index", {.as = "thief"}).body));
    const std::string segment = index.entries.front().segments.front().digest;
    EXPECT_EQ(catalog::chunks::digest_of(server.get(of(record) + "/segments/" + segment, {.as = "thief"}).body),
              segment);
    const auto answer = frames(record, {id_of(3), id_of(1)}, "thief");
    ASSERT_EQ(answer.status, 200);
    std::vector<ChunkId> expected{id_of(1), id_of(2), id_of(3)};
    std::ranges::sort(expected);
    EXPECT_EQ(chunks_in(answer), expected);
}

TEST_F(Transfer, a_record_that_is_not_shown_gives_nothing_away) {
    const std::string secret = publish("secret", {frame_of({chunk(1)})}, {id_of(1)}, "root", {"LAB"});
    const std::string segment = catalog::chunks::digest_of(image_of({id_of(1)}).segments.front());
    EXPECT_EQ(server.get(of(secret) + "/index", {.as = "thief"}).status, 404);
    EXPECT_EQ(server.get(of(secret) + "/segments/" + segment, {.as = "thief"}).status, 404);
    EXPECT_EQ(frames(secret, {id_of(1)}, "thief").status, 404);
    EXPECT_EQ(server.get(of(secret) + "/index", {.as = "member"}).status, 200);
    EXPECT_EQ(server.get(of(secret) + "/segments/" + segment, {.as = "member"}).status, 200);
    EXPECT_EQ(frames(secret, {id_of(1)}, "member").status, 200);
}

TEST_F(Transfer, a_record_that_is_shown_opens_no_other_image) {
    publish("secret", {frame_of({chunk(1)})}, {id_of(1)}, "root", {"LAB"});
    const std::string open = publish("open", {frame_of({chunk(2)})}, {id_of(2)});
    const std::string segment = catalog::chunks::digest_of(image_of({id_of(1)}).segments.front());
    EXPECT_EQ(server.get(of(open) + "/segments/" + segment, {.as = "thief"}).status, 404);
    EXPECT_EQ(frames(open, {id_of(1)}, "thief").status, 404);
    EXPECT_EQ(frames(open, {id_of(2), id_of(1)}, "thief").status, 404);
    EXPECT_EQ(frames(open, {id_of(2)}, "thief").status, 200);
}

// The secret image's chunks came in one frame. Who knows one of them, and pushes an image of it, must not be handed the
// rest with it.
TEST_F(Transfer, a_shared_frame_is_sent_without_the_chunks_of_others) {
    publish("secret", {frame_of({chunk(1), chunk(2), chunk(3)})}, {id_of(1), id_of(2), id_of(3)}, "root", {"LAB"});
    const std::string mine = publish("mine", {}, {id_of(2)}, "thief");
    const auto answer = frames(mine, {id_of(2)}, "thief");
    ASSERT_EQ(answer.status, 200);
    EXPECT_EQ(chunks_in(answer), std::vector<ChunkId>{id_of(2)});
    EXPECT_EQ(must(catalog::chunks::decode_frame(answer.body)).front(), chunk(2));
}

TEST_F(Transfer, what_was_withdrawn_is_not_handed_out_any_more) {
    const std::string record = publish("open", {frame_of({chunk(1)})}, {id_of(1)});
    const std::string segment = catalog::chunks::digest_of(image_of({id_of(1)}).segments.front());
    const auto expect_all = [&](int status) {
        EXPECT_EQ(server.get(of(record) + "/index").status, status);
        EXPECT_EQ(server.get(of(record) + "/segments/" + segment).status, status);
        EXPECT_EQ(frames(record, {id_of(1)}, "root").status, status);
    };
    const auto mark = [&](bool tainted, bool revoked) {
        server.change([&](db::Tx& tx) {
            auto manifest = catalog::store::manifest_by_id(tx, record);
            manifest->tainted = tainted;
            manifest->revoked = revoked;
            catalog::store::save(tx, *manifest);
        });
    };
    expect_all(200);
    mark(true, false);
    expect_all(400);
    mark(false, true);
    expect_all(403);
    EXPECT_EQ(server.put("/v1/catalog/pull", R"({"catalog_id":"open","machine_name":"x"})").status, 403);
    mark(false, false);
    expect_all(200);
}

TEST_F(Transfer, uploads_belong_to_who_began_them) {
    const std::string upload = begin("mine");
    EXPECT_EQ(server.post(upload + "/offer", catalog::encode_ids({id_of(1)}), binary_as("thief")).status, 404);
    EXPECT_EQ(server.put(upload + "/frames", frame_of({chunk(1)}), binary_as("thief")).status, 404);
    EXPECT_EQ(server.post(upload + "/commit", catalog::encode_image(image_of({})), binary_as("thief")).status, 404);
    for (const char* name : {"none", "..%2f..%2fx", "%2A"})
        EXPECT_EQ(
            server.put("/v1/catalog/transfer/uploads/" + std::string(name) + "/frames", frame_of({chunk(1)}), binary)
                .status,
            404);
}

TEST_F(Transfer, bytes_that_are_not_what_they_claim_are_not_taken) {
    const std::string upload = begin("bad");
    const std::string lie = catalog::chunks::encode_frame({{id_of(1), chunk(2)}}, 3);
    std::string torn = frame_of({chunk(1)});
    torn.pop_back();
    std::string flipped = frame_of({chunk(1)});
    flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
    for (const std::string& frame : {lie, torn, flipped, std::string("nonsense"), frame_of({chunk(1)}) + "tail"})
        EXPECT_EQ(server.put(upload + "/frames", frame, binary).status, 400);
    EXPECT_EQ(server.post(upload + "/offer", "not a multiple of 32", binary).status, 400);
    EXPECT_EQ(server.post(upload + "/offer", std::string(std::size_t{32} * 4097, 'x'), binary).status, 400);
    const auto commit = [&](const std::string& body) { return server.post(upload + "/commit", body, binary).status; };
    EXPECT_EQ(commit("nonsense"), 400);
    EXPECT_EQ(commit(""), 400);
    auto image = image_of({id_of(9)});
    EXPECT_EQ(commit(catalog::encode_image(image)), 409) << "a chunk that nobody sent";
    for (const char* path : {"../../escape", "/etc/passwd", "a//b", ""}) {
        catalog::chunks::ImageIndex index;
        index.entries.push_back({path, "file", 0600, 0, {}});
        image.index = json::write(index);
        EXPECT_EQ(commit(catalog::encode_image(image)), 400) << path;
    }
    EXPECT_EQ(server.get("/v1/catalog").body, "[]\n");
}

TEST_F(Transfer, a_commit_can_be_asked_for_again_and_tells_the_same) {
    const std::string upload = begin("image");
    EXPECT_EQ(server.put(upload + "/frames", frame_of({chunk(1)}), binary).status, 202);
    const std::string image = catalog::encode_image(image_of({id_of(1)}));
    const auto first = server.post(upload + "/commit", image, binary);
    const auto again = server.post(upload + "/commit", image, binary);
    ASSERT_EQ(first.status, 200);
    EXPECT_EQ(again.body, first.body);
    EXPECT_EQ(server.put(upload + "/frames", frame_of({chunk(2)}), binary).status, 409);
}

TEST_F(Transfer, an_upload_survives_a_restart_with_the_frames_that_arrived) {
    const std::string upload = begin("image");
    EXPECT_EQ(server.put(upload + "/frames", frame_of({chunk(1)}), binary).status, 202);
    server.restart();
    EXPECT_EQ(server.post(upload + "/offer", catalog::encode_ids({id_of(1), id_of(2)}), binary).body,
              std::string("\0\1", 2));
    EXPECT_EQ(server.put(upload + "/frames", frame_of({chunk(2)}), binary).status, 202);
    EXPECT_EQ(server.post(upload + "/commit", catalog::encode_image(image_of({id_of(1), id_of(2)})), binary).status,
              200);
}

TEST_F(Transfer, no_answer_grows_beyond_what_the_server_can_bear) {
    const std::string record = publish("open", {frame_of({chunk(1)})}, {id_of(1)});
    EXPECT_EQ(frames(record, std::vector<ChunkId>(513, id_of(1)), "root").status, 400);
    const auto once = frames(record, std::vector<ChunkId>(512, id_of(1)), "root");
    EXPECT_EQ(once.status, 200);
    EXPECT_EQ(chunks_in(once).size(), 1U) << "a frame comes once, however often it is asked for";
}

// Garbage collection runs while images are committed: a record that was acknowledged has its image.
TEST_F(Transfer, a_removal_beside_a_push_does_not_take_what_was_just_pushed) {
    std::atomic<bool> done = false;
    std::thread remover([&] {
        for (unsigned i = 0; !done; ++i) {
            publish("gone", {frame_of({chunk(100 + i)})}, {id_of(100 + i)});
            server.del("/v1/catalog/gone");
        }
    });
    std::vector<std::string> records;
    for (unsigned i = 0; i < 20; ++i) {
        const std::string name = "kept" + std::to_string(i);
        const std::string upload = begin(name);
        const std::string image = catalog::encode_image(image_of({id_of(i)}));
        // While the store is cleaned it says so, and the client tries again.
        const auto persist = [&](const auto& send) {
            Answer answer;
            EXPECT_TRUE(eventually([&] { return (answer = send()).status != 503; }));
            return answer;
        };
        EXPECT_EQ(persist([&] { return server.put(upload + "/frames", frame_of({chunk(i)}), binary); }).status, 202);
        const auto record = persist([&] { return server.post(upload + "/commit", image, binary); });
        EXPECT_EQ(record.status, 200) << record.body;
        records.push_back(record.at("/id"));
    }
    done = true;
    remover.join();
    for (unsigned i = 0; i < records.size(); ++i) {
        const auto answer = frames(records[i], {id_of(i)}, "root");
        EXPECT_EQ(answer.status, 200) << answer.body;
    }
}

}  // namespace
}  // namespace corral::tests
