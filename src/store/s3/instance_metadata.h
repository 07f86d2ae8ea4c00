// The instance metadata service, version 2 (Amazon EC2 User Guide, "Use IMDSv2"): a session token
// by PUT, then the name of the instance's role, then its credentials. Version 1 is not asked.
#pragma once

#include <functional>
#include <memory>

#include "base/status.h"
#include "store/http/found_source.h"
#include "store/http/service_call.h"

namespace tsnap::s3 {

// At AWS_EC2_METADATA_SERVICE_ENDPOINT, else where AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE (IPv4,
// IPv6) says. kUnsupported where AWS_EC2_METADATA_DISABLED is true.
Result<http::FoundSource> InstanceMetadataSource(
    const std::function<Result<std::shared_ptr<http::Client>>()>& make_near);

}  // namespace tsnap::s3
