// The "guest" of a fake machine: commands run on this host inside <home>/guest, and guest paths mean files below it.
// Thread-safe. Only made when the tests allow it.
#pragma once

#include <functional>
#include <string>

#include "machines/driver.hpp"

namespace corral::drivers::fake {

class HostGuest final : public machines::GuestAccess {
public:
    using Observe = std::function<Result<machines::Observed>(const std::string& id)>;
    explicit HostGuest(Observe observe) : observe_(std::move(observe)) {}
    Result<machines::GuestOutcome> execute(const std::string& id, const machines::GuestCommand&,
                                           const machines::Op&) override;
    Result<void> write_file(const std::string& id, const std::string& host_path, const std::string& guest_path,
                            const machines::Op&) override;
    Result<void> read_file(const std::string& id, const std::string& guest_path, const std::string& host_path,
                           const machines::Op&) override;

private:
    Result<std::string> root_of(const std::string& id, const machines::Op&);

    const Observe observe_;
};

}  // namespace corral::drivers::fake
