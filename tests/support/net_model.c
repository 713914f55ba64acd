/* SPDX-License-Identifier: BSD-3-Clause */
/* A network that loses, as a model. See net_model.h. */
#include "tests/support/net_model.h"

#include "core/base/size.h"

/* Of the frames of a harsh network. Each is frequent enough to meet each of the others, and rare
 * enough for a link to get on. */
#define DOUBLED   0.05
#define LOST      0.03
#define OVERTAKEN 0.1

int64_t
net_delay(pcg *random, int64_t most_ns)
{
    return 1 + (int64_t)(pcg_unit(random) * (double)most_ns);
}

int
net_line_carry(net_line *line, const net_model *model, pcg *random, int64_t now_ns, net_way way,
               int64_t at[NET_COPIES_MAX])
{
    int copies = model->harsh && pcg_chance(random, DOUBLED) ? 2 : 1;
    bool lost = now_ns < line->hole_until || (model->harsh && pcg_chance(random, LOST));
    for (int i = 0; !lost && i < copies; i++) {
        at[i] = tg_max_i64(now_ns + net_delay(random, model->delay_ns), line->stalled_until);
        if (model->harsh && pcg_chance(random, OVERTAKEN)) {
            at[i] += 4 * net_delay(random, model->delay_ns);
        } else {
            at[i] = line->last[way] = tg_max_i64(at[i], line->last[way]);
        }
    }
    return lost ? 0 : copies;
}

void
net_line_cut(net_line *line, int64_t until_ns)
{
    line->cuts++;
    line->hole_until = tg_max_i64(line->hole_until, until_ns);
}
