/* How it works: the lock is the kernel's, on the file .fleet: it goes with the process that
 * holds it, however that ends, so no stale lock is ever to be judged, and it names its
 * holder. Whoever could not begin takes back what was written before: a folder without
 * run.json holds no run, and a second try must not find it "not empty". */
#include "deploy/run_folder.h"

#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum err run_folder_lock(int *fd, const char *run)
{
    struct flock want = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char *path = mem_print("%s/.fleet", run);
    enum err err = OK;

    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (*fd < 0) {
        err = err_set(ERR_IO, "%s: %s", path, strerror(errno));
    } else if (fcntl(*fd, F_SETLK, &want)) {
        if ((errno == EACCES || errno == EAGAIN) && !fcntl(*fd, F_GETLK, &want) &&
            want.l_type != F_UNLCK)
            err = err_set(ERR_STATE,
                          "output_dir: in %s a run goes on, supervised by process %ld; "
                          "`drover status run=%s` shows it",
                          run, (long)want.l_pid, run);
        else
            err = err_set(ERR_IO, "%s: cannot lock: %s", path, strerror(errno));
    }
    free(path);
    return err;
}

long run_folder_holder(const char *run)
{
    struct flock want = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char *path = mem_print("%s/.fleet", run);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    long pid = 0;

    if (fd >= 0 && !fcntl(fd, F_GETLK, &want) && want.l_type != F_UNLCK)
        pid = (long)want.l_pid;
    if (fd >= 0)
        close(fd);
    free(path);
    return pid > 0 ? pid : 0; /* of NFS it may be another machine's, as -PID */
}

void run_folder_clean(const char *run, bool own_keys)
{
    const char *const ours[] = {"logs", "fleet.json", ".fleet", own_keys ? "keys" : NULL};
    char *begun = mem_print("%s/run.json", run);
    const bool keep = fs_exists(begun);

    free(begun);
    for (size_t i = 0; i < 4 && ours[i] && !keep; i++) {
        char *path = mem_print("%s/%s", run, ours[i]);
        if (fs_remove(path))
            err_set(OK, "%s", ""); /* what cannot be taken away stays */
        free(path);
    }
    if (!keep)
        rmdir(run);
}
