/* drover data convert: records of one kind or format as those of another.
 *
 * How it works: the stream reads, turns and checks; here each record becomes a line of the
 * output. All the rest is keys. */
#include "cli/data.h"

static enum err put(void *self, const json_t *row)
{
    return data_out_put(self, row);
}

enum err data_convert(struct data_job *job, int *status)
{
    struct data_out out;
    struct stream_count count = {0};
    enum err err = data_out_open(&out, job->conf.output);

    (void)status;
    if (!err)
        err = data_stream(job, put, &out, &count);
    err = data_out_close(&out, err);
    if (!err)
        data_tell(&count);
    return err;
}
