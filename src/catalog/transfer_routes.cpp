#include "catalog/routes.hpp"

namespace corral::catalog {

namespace {

constexpr std::size_t frames_limit = 32U << 20;
constexpr std::size_t image_limit = 128U << 20;  // the segments of a 200 GB disk

Result<http::Response> bytes(Result<std::string> body) {
    if (!body) return std::move(body).error();
    http::Response r;
    r.content_type = "application/octet-stream";
    r.body = std::move(*body);
    return r;
}

}  // namespace

std::vector<http::Route> transfer_routes(Transfer& transfer) {
    using namespace http;
    const Access pushers = all_of({"PUSH_CATALOG_MANIFEST"});
    const Access pullers = all_of({"PULL_CATALOG_MANIFEST"});
    std::vector<Route> rows;
    rows.push_back(post("/v1/catalog/transfer/uploads", pushers, "Begin an upload of chunks",
                        [&](const Caller& who, BeginUpload body) { return transfer.begin(who, body); })
                       .status(201));
    rows.push_back(post("/v1/catalog/transfer/uploads/{upload}/offer", pushers,
                        "Which of these chunk ids are wanted? Binary: 32 bytes an id in, one byte an id out",
                        [&](const Caller& who, const Request& request, PathText upload) {
                            return bytes(transfer.offer(who, upload.text, request.body));
                        }));
    rows.push_back(put("/v1/catalog/transfer/uploads/{upload}/frames", pushers, "Upload frames (binary)",
                       [&](const Caller& who, const Request& request, PathText upload) {
                           return transfer.frames(who, upload.text, request.body);
                       })
                       .status(202)
                       .body_limit(frames_limit));
    rows.push_back(post("/v1/catalog/transfer/uploads/{upload}/commit", pushers,
                        "Make the image and its record visible (binary: index and segments)",
                        [&](const Caller& who, const Request& request, PathText upload) {
                            return transfer.commit(who, upload.text, request.body);
                        })
                       .body_limit(image_limit));
    rows.push_back(
        get("/v1/catalog/transfer/manifests/{manifest}/index", pullers, "The image index of a record",
            [&](const Caller& who, PathText manifest) { return bytes(transfer.image_index(who, manifest.text)); }));
    rows.push_back(get("/v1/catalog/transfer/manifests/{manifest}/segments/{digest}", pullers, "One segment",
                       [&](const Caller& who, PathText manifest, PathText digest) {
                           return bytes(transfer.segment(who, manifest.text, digest.text));
                       }));
    rows.push_back(post("/v1/catalog/transfer/manifests/{manifest}/frames", pullers,
                        "The frames that hold these chunk ids (binary both ways)",
                        [&](const Caller& who, const Request& request, PathText manifest) {
                            return bytes(transfer.read_frames(who, manifest.text, request.body));
                        }));
    for (Route& row : rows) row.module = "catalog";
    return rows;
}

}  // namespace corral::catalog
