// The native transfer API: chunks between Corral's own parts (docs/formats/transfer.md). Uploads belong to their
// caller, survive a restart and end by commit or age. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "catalog/image_contents.hpp"
#include "catalog/service.hpp"

namespace corral::catalog {

struct BeginUpload {
    std::string catalog_id, version, architecture, description;
    std::vector<std::string> tags, required_roles, required_claims;
    std::optional<MinimumRequirements> minimum_requirements;
};
constexpr auto json_object(const BeginUpload*) {
    using json::field, json::required;
    return json::object("BeginUpload", required("catalog_id", &BeginUpload::catalog_id),
                        required("version", &BeginUpload::version), field("architecture", &BeginUpload::architecture),
                        field("description", &BeginUpload::description), field("tags", &BeginUpload::tags),
                        field("required_roles", &BeginUpload::required_roles),
                        field("required_claims", &BeginUpload::required_claims),
                        field("minimum_requirements", &BeginUpload::minimum_requirements));
}
struct UploadBegun {
    std::string id;
};
constexpr auto json_object(const UploadBegun*) {
    return json::object("UploadBegun", json::field("id", &UploadBegun::id));
}

class Transfer {
public:
    Transfer(Service& catalog, db::Database& database, const Clock& clock)
        : catalog_(catalog), database_(database), clock_(clock) {}

    Result<UploadBegun> begin(const Caller& who, BeginUpload request);
    // Bodies are binary: ids in, one byte an id out (1: wanted).
    Result<std::string> offer(const Caller& who, const std::string& upload, const std::string& ids);
    Result<void> frames(const Caller& who, const std::string& upload, const std::string& frames);
    Result<Manifest> commit(const Caller& who, const std::string& upload, const std::string& image);

    // Of a record that the caller may pull. Segments and chunks of other images are not there, whoever asks: many
    // images share one store, and not everybody may see all of them.
    Result<std::string> image_index(const Caller& who, const std::string& manifest);
    Result<std::string> segment(const Caller& who, const std::string& manifest, const std::string& digest);
    Result<std::string> read_frames(const Caller& who, const std::string& manifest, const std::string& ids);

    Result<void> expire();  // uploads older than a day go; call now and then

private:
    Result<std::shared_ptr<chunks::ChunkTarget>> target(const Caller& who, const std::string& upload);
    Result<Manifest> readable(const Caller& who, const std::string& manifest);

    Service& catalog_;
    db::Database& database_;
    const Clock& clock_;
    ImageContents contents_;
    std::mutex mutex_;  // guards open_
    struct Open {
        std::shared_ptr<chunks::ChunkTarget> target;
        SteadyTime used{};
    };
    std::map<std::string, Open> open_;
};

// The wire form of ids and of a finished image, for both ends.
std::string encode_ids(const std::vector<chunks::ChunkId>& ids);
Result<std::vector<chunks::ChunkId>> decode_ids(std::string_view bytes);
std::string encode_image(const chunks::FinishedImage& image);
Result<chunks::FinishedImage> decode_image(std::string_view bytes);
Result<std::vector<std::string>> split_frames(std::string_view bytes);

}  // namespace corral::catalog
