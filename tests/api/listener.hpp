// A second listener on the routes of a running server, with limits of the test's choice: what takes a minute in
// production must not take one here. Stops before its workers do, and goes after them.
#pragma once

#include "platform/net/server.hpp"
#include "platform/tasks/tasks.hpp"
#include "server.hpp"

namespace corral::tests {

class Listener {
public:
    Listener(Server& server, net::ServerOptions options)
        : net_(server.app().dispatcher(), workers_, loopback(options)) {
        must(net_.start());
    }
    ~Listener() { stop(); }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    void stop() {
        net_.stop();
        workers_.stop();
    }
    [[nodiscard]] int port() const { return net_.port(); }

private:
    static net::ServerOptions loopback(net::ServerOptions options) {
        options.address = "127.0.0.1";
        options.port = 0;
        return options;
    }
    tasks::Pool workers_{"test", 4};
    net::Server net_;
};

}  // namespace corral::tests
