#include "images.hpp"

#include <filesystem>

#include "app/cli/remote_target.hpp"

namespace corral::tests {

void write_disk(const std::string& path, unsigned seed, int chunks) {
    constexpr std::uint64_t size = 4 << 20;
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    for (int i = 0; i < chunks; ++i) {
        const std::string bytes = noise(catalog::chunks::chunk_size, seed * 1000 + static_cast<unsigned>(i));
        testing_support::write_at(path, bytes, static_cast<std::uint64_t>(i) * bytes.size(), size);
    }
}

Result<catalog::chunks::PushOutcome> push(Server& server, const std::string& path, catalog::BeginUpload request,
                                          const std::string& as) {
    auto client = server.client(as);
    auto target = TRY(cli::RemoteTarget::begin(client, request));
    return catalog::chunks::push(path, target, {.work_folder = server.folder(), .cancel = {}, .progress = {}});
}

std::string push_image(Server& server, const std::string& catalog_id, const std::string& version, unsigned seed) {
    const std::string disk = server / ("disk-" + std::to_string(seed));
    write_disk(disk, seed);
    must(push(server, disk, {.catalog_id = catalog_id, .version = version}));
    return server.get("/v1/catalog/" + catalog_id + "/" + version).at("/0/id");
}

std::string create_body(const std::string& name, const std::string& image, const std::string& more) {
    return R"({"name":")" + name + R"(","catalog_manifest":{"catalog_id":")" + image + R"("})" + more + "}";
}

std::string make_machine(Server& server, const std::string& name, const std::string& image) {
    const auto made = server.post("/v1/machines", create_body(name, image));
    if (made.status != 200) throw std::runtime_error("the machine is not made: " + made.body);
    return made.at("/id");
}

}  // namespace corral::tests
