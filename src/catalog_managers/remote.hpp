// The server that a catalog manager stands for. Blocks on the network; thread-safe.
#pragma once

#include <chrono>
#include <semaphore>
#include <string>

#include "catalog_managers/model.hpp"
#include "platform/net/http_client.hpp"
#include "platform/net/outbound.hpp"

namespace corral::catalog_managers {

class Remote {
public:
    struct Options {
        net::HttpClient::Options client;
        net::OutboundRule rule = net::OutboundRule::none();
        std::chrono::milliseconds limit{std::chrono::seconds{30}};  // of a call
        int at_once = 4;  // tests of connections: they hold a worker each, and may ask this very server
    };
    explicit Remote(Options options);

    // Errc::invalid for addresses that are none, unknown or not allowed. Looks the name up.
    [[nodiscard]] Result<net::WebAddress> check(const std::string& url) const;
    // Reads the remote catalog, after a login when there are user and password. Errc::invalid says why it did not
    // work; Errc::busy when too many are tried at once.
    Result<void> try_connection(const Manager& manager);

private:
    Result<net::ClientResponse> send(const net::WebAddress& where, net::ClientRequest request);

    Options options_;
    net::HttpClient client_;
    std::counting_semaphore<> free_;
};

}  // namespace corral::catalog_managers
