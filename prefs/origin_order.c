/* An item's place in the order of what is needed is its priority: the version's number, from 1 up,
 * for pairs whose judgement still comes in time, -1 for the others. It is set again when the fleet's
 * newest version moves, for the few whose place changes. */

#include "prefs/origin_order.h"

#include "prefs/item.h"
#include "prefs/sql.h"

#include <string.h>

/* The next item behind *item whose priority is not what it should be; *item 0: none. */
static enum err misplaced(struct prefs *prefs, const uint8_t *run, int64_t oldest,
                          int64_t *item)
{
    return sql_number(
        prefs, item, 0,
        "SELECT min(o.item) FROM origin o JOIN item i ON i.id = o.item WHERE o.item > ?3"
        " AND i.active IS NULL AND i.priority <> CASE WHEN o.run = ?1 AND o.version >= ?2"
        " THEN 1.0 + o.version ELSE -1.0 END",
        "bii", run, (size_t)PREFS_ID, oldest, *item);
}

enum err prefs_origin_order(struct prefs *prefs, const uint8_t *run, uint64_t oldest,
                            int64_t *moved)
{
    const int64_t from = oldest > INT64_MAX ? INT64_MAX : (int64_t)oldest;
    int64_t item = 0, late = 0;
    enum err err = sql_begin(prefs);

    if (err)
        return err;
    while (!err) {
        struct prefs_origin origin;
        bool found = false, in_time;
        int64_t need = 0;
        err = misplaced(prefs, run, from, &item);
        if (err || !item)
            break;
        err = prefs_origin_read(prefs, item, &origin, &found);
        in_time = found && !memcmp(origin.run, run, PREFS_ID) && origin.version >= oldest;
        if (!err)
            err = sql_number(prefs, &need, 0, "SELECT need FROM item WHERE id = ?1", "i", item);
        late += !in_time && need > 0;
        if (!err)
            err = prefs_item_prioritise(prefs, item, NULL,
                                        in_time ? 1 + (double)origin.version : -1, 1);
    }
    if (moved)
        *moved = err ? 0 : late;
    return sql_finish(prefs, err);
}
