#include "base/error.hpp"

#include <cerrno>
#include <system_error>

namespace corral {

Error system_error(int error_number, std::string attempted) {
    const std::string why = std::generic_category().message(error_number);
    Errc code = Errc::internal;
    if (error_number == ENOENT) code = Errc::not_found;
    if (error_number == EACCES || error_number == EPERM) code = Errc::forbidden;
    if (error_number == EEXIST) code = Errc::conflict;
    std::string message = code == Errc::internal && error_number == ENOSPC ? "No space is left on the disk"
                                                                           : "A file or system operation failed";
    return Error{code, std::move(message), std::move(attempted) + ": " + why};
}

}  // namespace corral
