/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.h - op descriptors to launches. An op that the device has in no fused form
 * is split into the parts that it has, with the same bits; an op that it has in
 * no form is an error that names it. The same code plans (scratch arena dry,
 * nothing launched) and runs.
 */
#ifndef CORE_GRAPH_RUN_H
#define CORE_GRAPH_RUN_H

#include <aios/op.h>

#include "core/device/device.h"
#include "core/mm/arena.h"

struct graph_run {
	struct device *device;
	struct queue *queue;      /* NULL: plan only */
	struct mm_arena *scratch; /* reset after each op: ops of a queue run in order */
};

/* Launch (or plan) one op; the emit() of <aios/plugin/model.h> with a struct graph_run as ctx. */
int graph_emit(void *ctx, const struct aios_op *op, struct aios_status *st);

#endif /* CORE_GRAPH_RUN_H */
