/* The object is made first and the table is read out of it, so that both say the same. Names
 * are shown: who may read the file may read them. */
#include "cli/prefs_stats.h"

#include "base/say.h"
#include "prefs/item.h"
#include "prefs/people.h"

/* By name: this is for who runs the study. What leaves it carries pseudonyms. */
static enum err add_person(void *self, const struct prefs_person *person)
{
    json_t *const row =
        json_pack("{s:I, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "id", (json_int_t)person->id,
                  "name", person->name, "role", words_role[person->role], "standing",
                  words_standing[person->standing], "judged", (json_int_t)person->judged,
                  "skipped", (json_int_t)person->skipped, "gold", (json_int_t)person->gold,
                  "gold_right", (json_int_t)person->gold_right);

    json_array_append_new(self, row);
    return OK;
}

static json_t *progress_json(const struct prefs_progress *p)
{
    const struct {
        const char *name;
        int64_t value;
    } all[] = {{"items", p->items},         {"gold", p->gold},
               {"withdrawn", p->withdrawn}, {"finished", p->finished},
               {"wanted", p->wanted},       {"judged", p->judged},
               {"extra", p->extra},         {"repeats", p->repeats},
               {"gold_judged", p->golds},   {"adjudicated", p->adjudicated},
               {"skips", p->skips},         {"open", p->open},
               {"differ", p->differ}};
    json_t *const out = json_object();

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        json_object_set_new(out, all[i].name, json_integer(all[i].value));
    return out;
}

static void print_table(const json_t *all)
{
    const char *name;
    json_t *value;
    size_t i;

    json_object_foreach((json_t *)(uintptr_t)all, name, value) if (json_is_integer(value))
        printf("%-12s %lld\n", name, (long long)json_integer_value(value));
    json_array_foreach(json_object_get(all, "annotators"), i, value)
    {
        const char *const who = json_string_value(json_object_get(value, "name"));
        say(stdout, "%-20s %-10s %-9s %6lld judged %5lld skipped", *who ? who : "(forgotten)",
            json_string_value(json_object_get(value, "role")),
            json_string_value(json_object_get(value, "standing")),
            (long long)json_integer_value(json_object_get(value, "judged")),
            (long long)json_integer_value(json_object_get(value, "skipped")));
        if (json_integer_value(json_object_get(value, "gold")))
            printf("  gold %lld of %lld right",
                   (long long)json_integer_value(json_object_get(value, "gold_right")),
                   (long long)json_integer_value(json_object_get(value, "gold")));
        printf("\n");
    }
}

enum err prefs_stats(struct prefs *prefs, const char *json)
{
    struct json_out out = {NULL, NULL};
    struct prefs_progress progress;
    json_t *all, *people = json_array();
    enum err err = prefs_progress(prefs, &progress);

    if (!err)
        err = prefs_person_visit(prefs, add_person, people);
    if (!err)
        err = json_out_open(&out, json);
    all = progress_json(&progress);
    json_object_set_new(all, "annotators", people);
    if (!err) {
        print_table(all);
        err = json_out_put(&out, all);
    }
    json_out_close(&out);
    json_decref(all);
    return err;
}
