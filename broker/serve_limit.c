/* A broker of thousands needs more descriptors than a process is usually given. */

#include "broker/serve.h"

#include "base/log.h"

#include <sys/resource.h>

/* Each member is two connections: as many as the system lets us have. */
void serve_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit))
        log_warn("limit", "descriptors=%llu", (unsigned long long)limit.rlim_cur);
}
