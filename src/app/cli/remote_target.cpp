#include "app/cli/remote_target.hpp"

#include <algorithm>

namespace corral::cli {

namespace {
constexpr std::size_t ids_at_once = 4096;  // the server's limit
constexpr std::string_view binary = "application/octet-stream";
}  // namespace

Result<RemoteTarget> RemoteTarget::begin(Client& client, const catalog::BeginUpload& request) {
    const auto begun = TRY(client.send<catalog::UploadBegun>("POST", "/v1/catalog/transfer/uploads", request));
    return RemoteTarget(client, "/v1/catalog/transfer/uploads/" + path_segment(begun.id));
}

Result<std::vector<bool>> RemoteTarget::missing(const std::vector<catalog::chunks::ChunkId>& ids) {
    std::vector<bool> out;
    out.reserve(ids.size());
    for (std::size_t from = 0; from < ids.size(); from += ids_at_once) {
        const auto first = ids.begin() + static_cast<std::ptrdiff_t>(from);
        const auto count = std::min(ids_at_once, ids.size() - from);
        const std::vector<catalog::chunks::ChunkId> part(first, first + static_cast<std::ptrdiff_t>(count));
        const std::string answer = TRY(client_.call("POST", path_ + "/offer", catalog::encode_ids(part), binary));
        if (answer.size() != count) return Error{Errc::upstream, "The server's answer to an offer is malformed"};
        for (const char wanted : answer) out.push_back(wanted != 0);
    }
    return out;
}

Result<void> RemoteTarget::upload(const std::string& frame) {
    TRY(client_.call("PUT", path_ + "/frames", frame, binary));
    return {};
}

Result<std::string> RemoteTarget::commit(const catalog::chunks::FinishedImage& image) {
    record_ = TRY(client_.call("POST", path_ + "/commit", catalog::encode_image(image), binary));
    return catalog::chunks::digest_of(image.index);
}

}  // namespace corral::cli
