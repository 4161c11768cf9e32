/* Whose rotation depends on how long sequences are (longrope) has to be told once, before anything
 * is computed: the card that actors and rewarders go by is made anew, and says it. */
#include "base/say.h"
#include "lm/file/model_files.h"
#include "lm/model/params.h"

enum err model_files_reach(struct model_files *files, int longest)
{
    const struct shape *shape = &files->shape;

    if (!shape_reaches(shape))
        return OK;
    shape_reach(&files->shape, longest);
    if (files->params) /* who trains or packs goes by its own copy */
        files->params->shape = *shape;
    say(stderr, "%s: no sequence of this run has more than %d tokens\n",
        shape->rope == ROPE_DYNAMIC ? "dynamic rope scaling is for the longest"
        : shape->rope_far           ? "longrope: the long factors hold"
                                    : "longrope: the short factors hold",
        shape->context);
    return model_files_make_meta(files);
}
