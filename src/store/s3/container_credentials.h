// The credentials endpoint of a container (AWS SDKs and Tools Reference Guide, "Container
// credential provider"): tasks of ECS, pods with an identity of EKS.
#pragma once

#include <functional>
#include <memory>

#include "base/status.h"
#include "store/http/found_source.h"
#include "store/http/service_call.h"

namespace tsnap::s3 {

// Where AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or AWS_CONTAINER_CREDENTIALS_FULL_URI lead, with
// what AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE or AWS_CONTAINER_AUTHORIZATION_TOKEN hold. No source
// where neither is set. kInvalid: http to a host that is neither this machine nor one of the
// addresses of ECS and EKS.
Result<http::FoundSource> ContainerSource(
    const std::function<Result<std::shared_ptr<http::Client>>()>& make_near);

}  // namespace tsnap::s3
