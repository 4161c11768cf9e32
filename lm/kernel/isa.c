/* Which table of kernels runs: the build says which exist, the CPU which of them work, the environment
 * or a test which is taken. The choice is made once, at the first kernel or at isa_check, and read
 * without a lock from then on: a race would only make the same choice twice. */

#include "lm/kernel/isa.h"

#include "base/log.h"
#include "lm/kernel/isa_list.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const struct isa *_Atomic chosen;

static const char *const names[ISA_TABLES] = {"scalar", "avx2", "avx512", "avx512vnni",
                                              "avx512bf16"};
static struct isa tables[ISA_TABLES]; /* without a name: not here */
static pthread_once_t made = PTHREAD_ONCE_INIT;

#ifdef ISA_X86
static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw");
}
#endif

/* The build says which tables exist, the CPU which of them run. */
static void make(void)
{
    tables[0] = isa_scalar;
#ifdef ISA_X86
    struct isa table = isa_avx512;

    if (!__builtin_cpu_supports("fma") || !__builtin_cpu_supports("avx2"))
        return;
    tables[1] = isa_avx2;
    if (!has_avx512())
        return;
    tables[2] = table;
    if (!__builtin_cpu_supports("avx512vnni"))
        return;
    isa_avx512vnni(&table);
    tables[3] = table;
    if (!__builtin_cpu_supports("avx512bf16"))
        return;
    isa_avx512bf16(&table);
    if (isa_proof(&table, &isa_scalar))
        tables[4] = table;
    else
        log_warn(
            "isa",
            "name=%s unused=\"its products of bfloat16 have other bits than the definition\"",
            table.name);
#endif
}

const struct isa *isa_at(int index)
{
    pthread_once(&made, make);
    return tables[index].name ? &tables[index] : NULL;
}

/* By the name that a person wrote: an unknown one and one that this CPU lacks are two mistakes. */
static enum err find(const struct isa **out, const char *name)
{
    for (int i = 0; i < ISA_TABLES; i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        *out = isa_at(i);
        return *out ? OK
                    : err_set(ERR_RANGE, "instruction set %s: this CPU does not have it", name);
    }
    return err_set(
        ERR_RANGE,
        "instruction set \"%s\": not one of scalar, avx2, avx512, avx512vnni, avx512bf16",
        name);
}

/* The last. On CPUs that clock down for AVX-512 it is still the faster for products. */
static const struct isa *best(void)
{
    int i = ISA_TABLES - 1;

    while (!isa_at(i))
        i--;
    return isa_at(i);
}

enum err isa_check(void)
{
    const char *forced = getenv("DROVER_ISA");
    const struct isa *found = NULL;
    /* volatile: or the compiler would answer for its own machine. */
    volatile float tiny = 0x1p-149f, one = 1.0f, ulp = 0x1p-24f;

    if (tiny * one == 0.0f || one + ulp != 1.0f || one + 3.0f * ulp != 1.0f + 0x1p-22f)
        return err_set(ERR_RANGE, "floating point: denormals are flushed, or rounding is not "
                                  "to nearest; results would differ from other machines");
    if (chosen || !forced || !*forced) /* a later change of the environment changes nothing */
        return OK;
    if (find(&found, forced))
        return err_add("DROVER_ISA");
    chosen = found;
    return OK;
}

const struct isa *isa_current(void)
{
    if (!chosen && (isa_check() || !chosen))
        chosen = best();
    return chosen;
}

enum err isa_force(const char *name)
{
    const struct isa *found = NULL;
    const enum err err = find(&found, name);

    if (!err)
        chosen = found;
    return err;
}
