// Small disk images and the ways they get into a server's catalog. Free functions.
#pragma once

#include <string>
#include <vector>

#include "catalog/chunks/push.hpp"
#include "catalog/transfer.hpp"
#include "server.hpp"
#include "support/disks.hpp"

namespace corral::tests {

using testing_support::noise;

// A sparse raw disk of 4 MiB with `chunks` chunks of noise from offset 0; equal seeds give equal disks.
void write_disk(const std::string& path, unsigned seed, int chunks = 6);

// Pushes as `corral push` does, over the transfer API. An error is the server's.
Result<catalog::chunks::PushOutcome> push(Server& server, const std::string& path, catalog::BeginUpload request,
                                          const std::string& as = "root");

// A record of that id and version in the catalog, of a disk that is made for it; its id.
std::string push_image(Server& server, const std::string& catalog_id, const std::string& version = "1",
                       unsigned seed = 1);

// A stopped machine of that name, made from `image`; its id.
std::string make_machine(Server& server, const std::string& name, const std::string& image = "image");
std::string create_body(const std::string& name, const std::string& image = "image", const std::string& more = "");

}  // namespace corral::tests
