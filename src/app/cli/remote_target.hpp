// Chunks to another Corral over its transfer API (docs/formats/transfer.md). Thread-safe.
#pragma once

#include <string>

#include "app/cli/client.hpp"
#include "catalog/transfer.hpp"

namespace corral::cli {

class RemoteTarget final : public catalog::chunks::ChunkTarget {
public:
    static Result<RemoteTarget> begin(Client& client, const catalog::BeginUpload& request);

    Result<std::vector<bool>> missing(const std::vector<catalog::chunks::ChunkId>& ids) override;
    Result<void> upload(const std::string& frame) override;
    Result<std::string> commit(const catalog::chunks::FinishedImage& image) override;
    // The server's answer to commit(): the new record.
    [[nodiscard]] const std::string& record() const { return record_; }

private:
    RemoteTarget(Client& client, std::string path) : client_(client), path_(std::move(path)) {}

    Client& client_;
    std::string path_;
    std::string record_;  // written by commit() alone
};

}  // namespace corral::cli
