// Chooses the hypervisor of this host by HYPERVISOR and what is installed.
#pragma once

#include <memory>
#include <string>

#include "app/server/config.hpp"
#include "machines/driver.hpp"

namespace corral::app {

// Errc::unavailable with what is missing.
Result<std::unique_ptr<machines::Driver>> open_hypervisor(const Config& config, const std::string& data_folder);

}  // namespace corral::app
