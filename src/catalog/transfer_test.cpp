// The native transfer API: uploads as their callers see them, and reading what a record allows and nothing else.
#include "catalog/transfer.hpp"

#include "catalog/chunks/push.hpp"
#include "support/catalog_test.hpp"

namespace corral::catalog {
namespace {

using namespace std::chrono_literals;
using chunks::ChunkId;
using chunks::id_of;
using testing_support::caller;
using testing_support::fails_with;
using testing_support::noise;
using testing_support::ok;
using testing_support::refuses_field;
using testing_support::same_content;
using testing_support::value_of;

// The far end of the wire, as the command line has it.
class Wire final : public chunks::ChunkTarget, public chunks::ChunkSource {
public:
    Wire(Transfer& transfer, Caller who, std::string id)
        : transfer_(transfer), who_(std::move(who)), id_(std::move(id)) {}
    Result<std::vector<bool>> missing(const std::vector<ChunkId>& ids) override {
        const std::string answer = TRY(transfer_.offer(who_, id_, encode_ids(ids)));
        std::vector<bool> out;
        for (const char c : answer) out.push_back(c == '\1');
        return out;
    }
    Result<void> upload(const std::string& frame) override { return transfer_.frames(who_, id_, frame); }
    Result<std::string> commit(const chunks::FinishedImage& image) override {
        last = image;
        record = TRY(transfer_.commit(who_, id_, encode_image(image)));
        return record.id;
    }
    Result<std::string> image_index(const std::string&) override { return transfer_.image_index(who_, id_); }
    Result<std::string> segment(const std::string& digest) override { return transfer_.segment(who_, id_, digest); }
    Result<std::vector<std::string>> frames(const std::vector<ChunkId>& ids) override {
        return split_frames(TRY(transfer_.read_frames(who_, id_, encode_ids(ids))));
    }
    Manifest record;
    chunks::FinishedImage last;

private:
    Transfer& transfer_;
    Caller who_;
    std::string id_;
};

class TransferTest : public CatalogTest {
protected:
    void TearDown() override {
        transfer_.reset();  // its uploads are open in the catalog's stores
        CatalogTest::TearDown();
    }
    void restart() override {
        transfer_.reset();
        CatalogTest::restart();
        transfer_ = std::make_unique<Transfer>(*catalog_, *database_, clock_);
    }
    std::string begin(const Caller& who, const std::string& catalog_id = "Ubuntu", const std::string& version = "24") {
        return value_of(transfer_->begin(who, {.catalog_id = catalog_id, .version = version, .architecture = "amd64"}))
            .id;
    }
    Result<chunks::PushOutcome> send(Wire& wire, const std::string& path) {
        return chunks::push(path, wire, {.work_folder = folder_.path()});
    }
    // A record of ann's, made over the wire.
    Manifest sent(const std::string& catalog_id, const std::string& path) {
        Wire wire(*transfer_, ann_, begin(ann_, catalog_id));
        EXPECT_TRUE(ok(send(wire, path)));
        return wire.record;
    }
    testing::AssertionResult pulls(const Caller& who, const std::string& record, const std::string& like) {
        Wire wire(*transfer_, who, record);
        const std::string to = folder_ / ("pull-" + std::to_string(pulls_++));
        if (const auto done = chunks::fetch(std::string(64, '0'), wire, to, {}); !done) return ok(done);
        return same_content(to + "/disk.raw", like) ? testing::AssertionSuccess() : testing::AssertionFailure();
    }
    std::unique_ptr<Transfer> transfer_;
    const Caller ann_ = caller("ann");
    const Caller bob_ = caller("bob");
    int pulls_ = 0;
};

TEST_F(TransferTest, what_is_uploaded_becomes_a_record_and_is_pulled_bit_for_bit) {
    const std::string path = disk("a", 1, 1'500'000);
    const std::string id = value_of(transfer_->begin(ann_, {.catalog_id = "My Ubuntu",
                                                            .version = "24.04-LTS",
                                                            .architecture = "amd64",
                                                            .description = "d",
                                                            .tags = {"t"},
                                                            .minimum_requirements = MinimumRequirements{.cpu = 2}}))
                               .id;
    Wire wire(*transfer_, ann_, id);
    const auto outcome = send(wire, path);
    ASSERT_TRUE(ok(outcome));
    const Manifest& m = wire.record;
    EXPECT_EQ(m.catalog_id, "MY_UBUNTU");
    EXPECT_EQ(m.name, "my_ubuntu-x86_64-24.04-lts");
    EXPECT_EQ(m.version, "24.04-lts");
    EXPECT_EQ(m.architecture, "x86_64");
    EXPECT_EQ(m.description, "d");
    EXPECT_EQ(m.tags, (std::vector<std::string>{"t", "latest"}));
    EXPECT_EQ(m.minimum_requirements->cpu, 2);
    EXPECT_EQ(m.size, 2 << 20);
    EXPECT_EQ(kept(m.id)->digest, chunks::digest_of(wire.last.index));
    EXPECT_TRUE(pulls(ann_, m.id, path));
}

TEST_F(TransferTest, a_second_version_sends_only_what_the_server_lacks) {
    sent("one", disk("a", 1, 1'000'000));
    Wire wire(*transfer_, bob_, begin(bob_, "two"));
    EXPECT_EQ(value_of(send(wire, disk("a", 1, 1'000'000))).sent_chunks, 0U);
}

TEST_F(TransferTest, wrong_beginnings_are_refused) {
    EXPECT_TRUE(refuses_field("/version", transfer_->begin(ann_, {.catalog_id = "a", .version = "1 2"})));
    EXPECT_TRUE(refuses_field("/architecture",
                              transfer_->begin(ann_, {.catalog_id = "a", .version = "1", .architecture = "vax"})));
}

TEST_F(TransferTest, an_upload_is_its_caller_s_alone) {
    const std::string id = begin(ann_);
    const std::string body = encode_ids({id_of("x")});
    for (const Caller& other : {bob_, root_}) {
        EXPECT_TRUE(fails_with(Errc::not_found, transfer_->offer(other, id, body)));
        EXPECT_TRUE(fails_with(Errc::not_found, transfer_->frames(other, id, "")));
        EXPECT_TRUE(fails_with(Errc::not_found, transfer_->commit(other, id, "")));
    }
    EXPECT_TRUE(fails_with(Errc::not_found, transfer_->offer(ann_, "nonsense", body)));
    EXPECT_TRUE(ok(transfer_->offer(ann_, id, body)));
}

TEST_F(TransferTest, an_upload_goes_on_after_a_restart) {
    const std::string id = begin(ann_);
    const std::string raw = noise(chunks::chunk_size, 1);
    ASSERT_TRUE(ok(transfer_->frames(ann_, id, chunks::encode_frame({{id_of(raw), raw}}, 3))));
    restart();
    ASSERT_TRUE(ok(catalog_->recover()));
    EXPECT_EQ(value_of(transfer_->offer(ann_, id, encode_ids({id_of(raw), id_of("other")}))), std::string("\0\1", 2));
}

TEST_F(TransferTest, a_commit_whose_answer_was_lost_gives_the_same_answer_again) {
    const std::string id = begin(ann_);
    Wire wire(*transfer_, ann_, id);
    ASSERT_TRUE(ok(send(wire, disk("a", 1))));
    const Manifest first = wire.record;
    ASSERT_TRUE(ok(wire.commit(wire.last)));
    EXPECT_EQ(wire.record.id, first.id);
    EXPECT_EQ(wire.record.updated_at, first.updated_at) << "nothing was done again";
    restart();
    Wire again(*transfer_, ann_, id);
    ASSERT_TRUE(ok(again.commit(wire.last)));
    EXPECT_EQ(again.record.id, first.id);
    EXPECT_TRUE(fails_with(Errc::conflict, again.missing({id_of("x")}))) << "it takes nothing more";
}

TEST_F(TransferTest, nonsense_in_a_body_is_refused_and_the_upload_goes_on) {
    const std::string id = begin(ann_);
    EXPECT_TRUE(fails_with(Errc::invalid, transfer_->offer(ann_, id, "31 bytes is no whole number of ids")));
    EXPECT_TRUE(fails_with(Errc::invalid, transfer_->offer(ann_, id, std::string(4097 * 32, 'x'))));
    EXPECT_TRUE(fails_with(Errc::invalid, transfer_->frames(ann_, id, "nonsense")));
    const std::string frame = chunks::encode_frame({{id_of("x"), "x"}}, 3);
    EXPECT_TRUE(fails_with(Errc::invalid, transfer_->frames(ann_, id, frame + frame.substr(0, 10))));
    for (const std::string& body : {std::string(), std::string("\xff\xff\xff\xff", 4), std::string("\x05\0\0\0abc", 7)})
        EXPECT_TRUE(fails_with(Errc::invalid, transfer_->commit(ann_, id, body)));
    Wire wire(*transfer_, ann_, id);
    EXPECT_TRUE(ok(send(wire, disk("a", 1))));
}

TEST_F(TransferTest, a_commit_that_lacks_chunks_is_a_conflict_and_no_record) {
    const std::string id = begin(ann_);
    Wire other(*transfer_, bob_, begin(bob_, "two"));
    ASSERT_TRUE(ok(send(other, disk("a", 1))));
    chunks::FinishedImage image = other.last;
    image.segments = {chunks::encode_segment({{{0, id_of("nobody has this")}}})};
    chunks::ImageIndex index = value_of(chunks::decode_index(image.index));
    index.entries[0].segments[0].digest = chunks::digest_of(image.segments[0]);
    image.index = chunks::encode_index(index);
    EXPECT_TRUE(fails_with(Errc::conflict, transfer_->commit(ann_, id, encode_image(image))));
    EXPECT_TRUE(value_of(catalog_->list(root_, "ubuntu")).empty());
}

TEST_F(TransferTest, a_commit_cut_off_at_any_call_of_the_storage_can_be_asked_for_again) {
    ASSERT_TRUE(ok(catalog_->own_store()));
    const std::string path = disk("a", 1);
    for (int call = 1;; ++call) {
        SCOPED_TRACE(call);
        Wire wire(*transfer_, ann_, begin(ann_));
        storage().fail_at(call);
        const auto first = send(wire, path);
        if (!storage().has_failed()) {
            ASSERT_TRUE(ok(first));
            break;
        }
        storage().never_fail();
        EXPECT_FALSE(first);
        EXPECT_TRUE(value_of(catalog_->list(root_)).empty());
        ASSERT_TRUE(ok(send(wire, path)));
        EXPECT_TRUE(pulls(ann_, wire.record.id, path));
        ASSERT_TRUE(ok(catalog_->remove(root_, wire.record.id, "", "", true)));
    }
}

// ---- reading

TEST_F(TransferTest, only_the_segments_and_chunks_of_the_record_s_image_are_given_out) {
    const std::string shared = disk("shared", 1, 100'000);
    const Manifest mine = sent("mine", shared);
    PushRequest wanted = request("secret", "1", 2);
    wanted.required_claims = {"USE_SECRET"};
    const Manifest secret = pushed(wanted);
    const std::string bytes = value_of(files::read_file(wanted.local_path));
    const ChunkId theirs = id_of(std::string_view(bytes).substr(0, chunks::chunk_size));
    EXPECT_TRUE(fails_with(Errc::not_found, transfer_->image_index(ann_, secret.id)));
    EXPECT_TRUE(fails_with(Errc::not_found, transfer_->read_frames(ann_, secret.id, encode_ids({theirs}))));
    EXPECT_TRUE(fails_with(Errc::not_found, transfer_->read_frames(ann_, mine.id, encode_ids({theirs}))))
        << "not by way of a record one may see";
    const auto index = value_of(chunks::decode_index(value_of(transfer_->image_index(root_, secret.id))));
    const std::string segment = index.entries[0].segments[0].digest;
    EXPECT_TRUE(ok(transfer_->segment(root_, secret.id, segment)));
    EXPECT_TRUE(fails_with(Errc::not_found, transfer_->segment(ann_, mine.id, segment)));
    EXPECT_TRUE(fails_with(Errc::not_found, transfer_->segment(root_, mine.id, "nonsense")));
    EXPECT_TRUE(ok(transfer_->read_frames(caller("carl", {"USE_SECRET"}), secret.id, encode_ids({theirs}))));
}

TEST_F(TransferTest, chunks_of_another_image_that_stand_in_the_same_frame_stay_behind) {
    const std::string id = begin(ann_);
    const std::string a = noise(chunks::chunk_size, 1), b = noise(chunks::chunk_size, 2);
    ASSERT_TRUE(ok(transfer_->frames(ann_, id, chunks::encode_frame({{id_of(a), a}, {id_of(b), b}}, 3))));
    const std::string segment = chunks::encode_segment({{{0, id_of(a)}}});
    chunks::ImageIndex index;
    index.entries.push_back({"disk.raw", "disk", 0600, chunks::chunk_size, {{0, chunks::digest_of(segment)}}});
    const Manifest m = value_of(transfer_->commit(ann_, id, encode_image({chunks::encode_index(index), {segment}})));
    const auto frames = value_of(split_frames(value_of(transfer_->read_frames(ann_, m.id, encode_ids({id_of(a)})))));
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(value_of(chunks::decode_frame(frames[0])), std::vector<std::string>{a});
}

TEST_F(TransferTest, tainted_and_revoked_records_give_out_nothing) {
    const Manifest m = sent("ubuntu", disk("a", 1));
    const auto read = [&](Errc code) {
        EXPECT_TRUE(fails_with(code, transfer_->image_index(ann_, m.id)));
        EXPECT_TRUE(fails_with(code, transfer_->segment(ann_, m.id, std::string(64, 'a'))));
        EXPECT_TRUE(fails_with(code, transfer_->read_frames(ann_, m.id, "")));
    };
    change(m.id, [](Manifest& r) { r.tainted = true; });
    read(Errc::invalid);
    change(m.id, [](Manifest& r) { r.revoked = true; });
    read(Errc::forbidden);
}

// ---- age

TEST_F(TransferTest, an_upload_of_yesterday_is_gone_with_what_it_brought) {
    const std::string old = begin(ann_, "old");
    const std::string raw = noise(chunks::chunk_size, 1);
    ASSERT_TRUE(ok(transfer_->frames(ann_, old, chunks::encode_frame({{id_of(raw), raw}}, 3))));
    clock_.advance(23h);
    const std::string young = begin(ann_, "young");
    ASSERT_TRUE(ok(transfer_->expire()));
    EXPECT_TRUE(ok(transfer_->offer(ann_, old, ""))) << "not yet a day old";
    clock_.advance(1h + 1s);
    ASSERT_TRUE(ok(transfer_->expire()));
    EXPECT_TRUE(fails_with(Errc::not_found, transfer_->offer(ann_, old, "")));
    EXPECT_TRUE(ok(transfer_->offer(ann_, young, "")));
    for (const auto& item : std::filesystem::recursive_directory_iterator(settings_.work_folder))
        EXPECT_EQ(item.path().string().find(old), std::string::npos);
}

TEST_F(TransferTest, an_upload_that_was_left_alone_does_not_hold_up_garbage_collection_for_ever) {
    const Manifest m = sent("ubuntu", disk("a", 1));
    const std::string idle = begin(ann_, "idle");
    const std::string raw = noise(chunks::chunk_size, 7);
    ASSERT_TRUE(ok(transfer_->frames(ann_, idle, chunks::encode_frame({{id_of(raw), raw}}, 3))));
    ASSERT_TRUE(ok(catalog_->remove(root_, m.id, "", "", true)));
    EXPECT_EQ(images_in(), 1U) << "an upload is open";
    clock_.advance(2h);
    ASSERT_TRUE(ok(transfer_->expire()));
    ASSERT_TRUE(ok(catalog_->tidy()));
    EXPECT_EQ(images_in(), 0U);
    EXPECT_EQ(value_of(transfer_->offer(ann_, idle, encode_ids({id_of(raw)}))), std::string(1, '\0'))
        << "and what it had brought is still there";
}

// ---- wire forms

TEST(TransferWire, ids_and_images_come_back_as_they_went) {
    const std::vector<ChunkId> ids{id_of("a"), id_of("b")};
    EXPECT_EQ(value_of(decode_ids(encode_ids(ids))), ids);
    EXPECT_EQ(encode_ids(ids).size(), 64U);
    EXPECT_TRUE(value_of(decode_ids("")).empty());
    const chunks::FinishedImage image{"the index", {"", "one", std::string(100'000, 'x')}};
    const auto back = value_of(decode_image(encode_image(image)));
    EXPECT_EQ(back.index, image.index);
    EXPECT_EQ(back.segments, image.segments);
    const std::string whole = encode_image({"index", {"segment"}});
    for (std::size_t length = 0; length < whole.size(); ++length) {
        const auto cut = decode_image(std::string_view(whole).substr(0, length));
        EXPECT_EQ(cut.has_value(), length == 9) << "only behind the index it is whole: " << length;
    }
}

TEST(TransferWire, frames_are_split_where_each_ends) {
    const std::string a = chunks::encode_frame({{id_of("a"), "a"}}, 3),
                      b = chunks::encode_frame({{id_of("b"), "b"}}, 3);
    EXPECT_EQ(value_of(split_frames(a + b)), (std::vector<std::string>{a, b}));
    EXPECT_TRUE(value_of(split_frames("")).empty());
    EXPECT_FALSE(split_frames(a + "x"));
    EXPECT_FALSE(split_frames(a + b.substr(0, b.size() - 1)));
}

}  // namespace
}  // namespace corral::catalog
