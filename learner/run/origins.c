/* A name such as Qwen/Qwen3-0.6B means a branch, which moves. A run is the same run only over the
 * same bytes, so what its first start took is taken by the later ones; write_run puts
 * repo_record's list into run.json. */
#include "learner/run/origins.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/repo.h"

#include <stdlib.h>

/* run.json holds the configuration, which may quote long templates. */
enum { RUN_MAX = 16 << 20 };

void origins_keep(const struct keys *keys)
{
    char *path = mem_print("%s/run.json", keys->output_dir), *text = NULL;
    json_t *run = NULL;
    size_t n;

    if (!keys->overwrite_output_dir && fs_exists(path) && !fs_read(&text, &n, path, RUN_MAX))
        run = json_loadb(text, n, 0, NULL);
    repo_pin(json_object_get(run, "hub"));
    json_decref(run);
    free(text);
    free(path);
}
