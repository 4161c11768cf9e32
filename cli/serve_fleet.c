/* How it works: follow brings images, the server takes editions, and here one becomes the other: the
 * image stays as it came (shared pages, which other processes of this machine may have, too), a model
 * is laid over it, and both go when the last answer of that version is done. */

#include "cli/serve_fleet.h"

#include "base/log.h"
#include "base/mem.h"
#include "follow/follow.h"

#include <stdio.h>
#include <stdlib.h>

struct followed {
    const struct serve_fleet_conf *conf;
    struct follow *follow;
    const struct shape *shape;
    char name[EDITION_NAME]; /* of the latest, as the server hears it */
};

/* Weights over their image. */
struct laid {
    struct model *model;
    struct shared_memory *image;
};

static void release(void *self)
{
    struct laid *laid = self;

    model_free(laid->model);
    shared_memory_free(laid->image);
    free(laid);
}

/* Takes the image. */
static enum err edition_of(struct followed *f, const struct follow_version *v,
                           struct edition_conf *out)
{
    struct laid *laid = mem_new(1, sizeof *laid);
    char hash[HASH_TEXT];
    enum err err;

    laid->image = v->image;
    err = model_new(&laid->model, f->shape, shared_memory_bytes(v->image),
                    shared_memory_size(v->image));
    snprintf(f->name, sizeof f->name, "%llu-%s", (unsigned long long)v->version.number,
             hash_text(hash, &v->version.hash));
    if (err) {
        release(laid);
        return err_add("version %s", f->name);
    }
    *out = (struct edition_conf){laid->model, f->name, release, laid};
    log_info("serving", "version=%s", f->name);
    return OK;
}

/* Weights that cannot be used are no reason to stop: those before go on. */
static bool newer(void *self, struct edition_conf *out)
{
    struct followed *f = self;
    struct follow_version v;

    if (!follow_take(f->follow, &v))
        return false;
    if (!edition_of(f, &v, out))
        return true;
    log_warn("version", "state=unfit reason=\"%s\" next=\"the one before goes on\"",
             err_text());
    return false;
}

static const char *state(void *self)
{
    return follow_state(((struct followed *)self)->follow);
}

static enum err compute(void *self, struct follow *follow)
{
    struct followed *f = self;
    const struct serve_fleet_conf *conf = f->conf;
    const struct serve_source source = {newer, state, f};
    struct open_model loaded = {.files = NULL};
    struct edition_conf first;
    struct model_files *files;
    struct follow_version v;
    enum err err = follow_first(follow, &files, &v);

    if (err)
        return err;
    f->follow = follow;
    err = open_model_card(&loaded, files);
    if (err) {
        shared_memory_free(v.image);
    } else {
        f->shape = &loaded.files->shape;
        err = edition_of(f, &v, &first);
    }
    if (!err)
        err = conf->serve(conf->self, &loaded, &first, &source, follow_end(follow));
    open_model_close(&loaded);
    return err;
}

enum err serve_fleet(const struct serve_fleet_conf *conf)
{
    struct followed f = {.conf = conf};

    return follow_run(
        &(struct follow_conf){conf->broker, conf->key, conf->ticket_file, compute, &f});
}
