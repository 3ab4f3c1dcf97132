// The running service: every part made once, here, and handed to those that need it. Construct, start(), stop().
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "app/server/config.hpp"
#include "base/error.hpp"
#include "machines/driver.hpp"
#include "platform/http/dispatch.hpp"

namespace corral::app {

class App {
public:
    // Opens the database, seeds, recovers; nothing listens yet. A `hypervisor` that is given is used instead of the one
    // that HYPERVISOR names, so that tests can hold it up and break it.
    static Result<std::unique_ptr<App>> open(const Config& config,
                                             std::unique_ptr<machines::Driver> hypervisor = nullptr);
    ~App();
    App(const App&) = delete;
    App& operator=(const App&) = delete;

    Result<void> start();  // listens, then lets unfinished jobs go on
    void stop();           // drains requests, lets jobs reach a safe point
    [[nodiscard]] int port() const;

    // Called when the process is to end, on a thread that must not block: a super user asked for it, or (`failed`) the
    // service cannot go on. Without one nothing happens.
    void on_stop_request(std::function<void(bool failed)> stop);
    // Where reload() and POST /config/tools/restart find a new certificate; without one the old one stays.
    void on_renewal(std::function<Result<Config>()> configure);
    // Takes up what was changed from outside: accounts in the database, the certificate. In the background.
    void reload();
    [[nodiscard]] const http::Dispatcher& dispatcher() const;

    struct Parts;

private:
    explicit App(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

// "1.2.3"; of the build.
std::string_view version();

}  // namespace corral::app
