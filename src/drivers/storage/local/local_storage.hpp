// catalog::Storage in a local folder: temporary file, fsync, rename, fsync of the folder. Thread-safe; several
// processes may work on one folder. What a crash leaves of an unfinished object goes when the folder is opened.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "catalog/storage.hpp"

namespace corral::drivers {

class LocalStorage final : public catalog::Storage {
public:
    // Makes the folder when it is missing.
    static Result<std::unique_ptr<LocalStorage>> open(const std::string& folder);

    [[nodiscard]] std::string describe() const override { return "local folder " + folder_; }
    Result<void> put(const std::string& key, std::string_view bytes) override;
    Result<void> put_file(const std::string& key, const std::string& local_path) override;
    Result<std::string> get(const std::string& key, std::uint64_t offset, std::optional<std::uint64_t> length) override;
    Result<std::optional<std::uint64_t>> size(const std::string& key) override;
    Result<void> remove(const std::string& key) override;
    Result<std::vector<catalog::StoredObject>> list(const std::string& prefix) override;
    std::optional<std::string> local_path(const std::string& key) override;

private:
    class Incoming;
    explicit LocalStorage(std::string folder) : folder_(std::move(folder)) {}
    [[nodiscard]] Result<std::string> path_of(const std::string& key) const;
    [[nodiscard]] Result<void> make_parents(const std::filesystem::path& parent) const;
    [[nodiscard]] Result<bool> move_to(const std::string& file, const std::string& goal) const;
    Result<void> remove_unfinished();
    std::string folder_;
};

}  // namespace corral::drivers
